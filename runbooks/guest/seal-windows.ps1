# asg-patch seal (Windows): removes what must not be copied into an image, then flushes the volumes.
# No sysprep: it resets SID and computer name and breaks domain joins, which is the owner's decision.
#
# Who wants first-boot tasks (user data among them) to run again on instances of the image puts this line before the
# script: $Reset = $true
$ErrorActionPreference = 'Continue'

function Fail([string]$Text) {
  [Console]::Error.WriteLine("asg-patch seal: $Text")
  exit 1
}

# EC2Launch v2: `reset` deletes the agent's state, so that tasks that run once run again at the next boot; --clean
# deletes its logs too (EC2 User Guide, "EC2Launch v2 settings"). Afterwards `status` is 5: no last run is known.
function ResetV2([string]$Agent) {
  & $Agent reset --clean | Out-Null
  if ($LASTEXITCODE -ne 0) { Fail "expected EC2Launch.exe reset to succeed, found exit code $LASTEXITCODE" }
  & $Agent status | Out-Null
  if ($LASTEXITCODE -ne 5) { Fail "expected EC2Launch.exe status to be 5 after a reset, found $LASTEXITCODE" }
}

# EC2Launch v1: -Schedule makes the initialization run at the next boot (EC2 User Guide, "Configure EC2Launch v1"). It
# sets a new Administrator password, unless the owner's LaunchConfig.json says otherwise.
function ResetV1([string]$Initialize) {
  & $Initialize -Schedule | Out-Null
  $task = Get-ScheduledTask -TaskName 'Amazon Ec2 Launch - Instance Initialization' -ErrorAction SilentlyContinue
  if (-not $task -or $task.State -eq 'Disabled') { Fail 'expected the initialization to be scheduled, found it is not' }
}

if ($Reset -eq $true) {
  $v2 = Join-Path $env:ProgramFiles 'Amazon\EC2Launch\EC2Launch.exe'
  $v1 = Join-Path $env:ProgramData 'Amazon\EC2-Windows\Launch\Scripts\InitializeInstance.ps1'
  if (Test-Path $v2) {
    ResetV2 $v2
  } elseif (Test-Path $v1) {
    ResetV1 $v1
  } else {
    Fail 'expected EC2Launch v1 or v2, found neither: nothing can make first-boot tasks run again'
  }
}

# A stale state file keeps a clone from joining its cluster.
Remove-Item -Path 'C:\ProgramData\Amazon\ECS\data\agent.db', 'C:\ProgramData\Amazon\ECS\data\ecs_agent_data.json' -Force -ErrorAction SilentlyContinue
Get-Volume | Where-Object { $_.DriveLetter -and $_.DriveType -eq 'Fixed' } | ForEach-Object { Write-VolumeCache -DriveLetter $_.DriveLetter }
Write-Output 'asg-patch seal: done'
