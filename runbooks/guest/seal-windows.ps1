# asg-patch seal (Windows): removes what must not be copied into an image, then flushes the volumes.
# No sysprep: it resets SID and computer name and breaks domain joins, which is the owner's decision.
$ErrorActionPreference = 'Continue'
Remove-Item -Path 'C:\Windows\Temp\*' -Recurse -Force -ErrorAction SilentlyContinue
Get-ChildItem 'C:\Users\*\AppData\Roaming\Microsoft\Windows\PowerShell\PSReadLine\ConsoleHost_history.txt' -ErrorAction SilentlyContinue | Remove-Item -Force
Remove-Item -Path 'C:\ProgramData\Amazon\ECS\data\*' -Recurse -Force -ErrorAction SilentlyContinue
Get-Volume | Where-Object { $_.DriveLetter -and $_.DriveType -eq 'Fixed' } | ForEach-Object { Write-VolumeCache -DriveLetter $_.DriveLetter }
Write-Output 'asg-patch seal: done'
