# asg-patch reset (Windows): lets the launch agent run the tasks of a first boot again on instances from the image.
# EC2Launch v2 forgets that they ran; EC2Launch v1 schedules them. No sysprep: SID and computer name stay.
$ErrorActionPreference = 'Stop'
$v2 = Join-Path $env:ProgramFiles 'Amazon\EC2Launch\EC2Launch.exe'
$v1 = Join-Path $env:ProgramData 'Amazon\EC2-Windows\Launch\Scripts\InitializeInstance.ps1'
if (Test-Path $v2) {
  & $v2 reset --clean
  if ($LASTEXITCODE -ne 0) { Write-Error "EC2Launch.exe reset ended with $LASTEXITCODE"; exit 1 }
} elseif (Test-Path $v1) {
  & $v1 -Schedule
} else {
  Write-Error "neither $v2 nor $v1 is installed: nothing would run at the first boot"; exit 1
}
Write-Output 'asg-patch reset: done'
