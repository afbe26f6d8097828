# asg-patch ready (Windows): waits until first boot is over and no installer works, then says so.
#
# Exit codes: 0 ready, 10 first boot failed or does not end, 11 an installer still works at the limit.
# Run Command keeps the first 2,500 characters of a command's output: little is printed, and log lines are cut.
$ErrorActionPreference = 'Continue'

$Limit = 1200 # seconds for everything
$Pause = 5    # seconds between two looks
$Grace = 60   # seconds after which a launch agent that has not run is taken for one that never will
$Report = 300 # seconds between two lines about the same cause

$Clock = [Diagnostics.Stopwatch]::StartNew() # not the time of day, which jumps while Windows boots
$script:Told = ''
$script:ToldAt = 0
$script:Worked = @{}

function Say([string]$Text) { Write-Output "asg-patch ready: $Text" }

function Passed { [int]$Clock.Elapsed.TotalSeconds }

function WaitFor([string]$Cause) {
  if ($Cause -ne $script:Told -or (Passed) -ge $script:ToldAt + $Report) {
    Say "$(Passed) s: waits for $Cause"
    $script:Told = $Cause
    $script:ToldAt = Passed
  }
  Start-Sleep -Seconds $Pause
}

function ShowEnd([string]$Log) {
  if (Test-Path $Log) {
    Write-Output "The end of $Log"
    Get-Content $Log -Tail 15 | ForEach-Object { $_.Substring(0, [Math]::Min(100, $_.Length)) }
  }
}

# EC2Launch v2 (EC2 User Guide, "EC2Launch v2 settings", `status`): 0 it ran and was successful, 1 it ran and failed,
# 2 it runs, 3 unknown, 4 its state cannot be read, 5 it does not run and has no last state, as after a reset.
# A task that fails (user data whose exit code is not 0) makes it 1.
function FirstBootV2([string]$Agent) {
  & $Agent status | Out-Null
  switch ($LASTEXITCODE) {
    0 { 'done' }
    1 { 'failed' }
    2 { 'running' }
    default { 'waiting' }
  }
}

# EC2Launch v1 is a scheduled task that starts another for user data (EC2 User Guide, "EC2Launch v1"). Neither says
# whether it was successful.
function FirstBootV1 {
  $tasks = Get-ScheduledTask -TaskName 'Amazon Ec2 Launch - *' -ErrorAction SilentlyContinue
  $busy = $tasks | Where-Object { $_.State -eq 'Running' -or $_.State -eq 'Queued' }
  if ($busy) { 'running' } else { 'done' }
}

function FirstBoot {
  $v2 = Join-Path $env:ProgramFiles 'Amazon\EC2Launch\EC2Launch.exe'
  if (Test-Path $v2) {
    FirstBootV2 $v2
  } elseif (Test-Path (Join-Path $env:ProgramData 'Amazon\EC2-Windows\Launch\Scripts\InitializeInstance.ps1')) {
    FirstBootV1
  } else {
    'done' # neither is here: nothing to wait for
  }
}

function FirstBootFailed([string]$Why) {
  ShowEnd (Join-Path $env:ProgramData 'Amazon\EC2Launch\log\agent.log')
  Say "first boot failed: $Why"
  exit 10
}

function AwaitFirstBoot {
  while ($true) {
    $state = FirstBoot
    if ($state -eq 'done') { return }
    if ($state -eq 'failed') { FirstBootFailed 'EC2Launch.exe status is 1: the agent ran and failed' }
    if ($state -eq 'waiting' -and (Passed) -ge $Grace) { return }
    if ((Passed) -ge $Limit) { FirstBootFailed "the launch agent is not done after $Limit s" }
    WaitFor "the launch agent ($state)"
  }
}

# Windows Installer owns this mutex while it installs (Windows Installer, "_MSIExecute Mutex"); it may exist before and
# after.
function MsiWorks {
  $mutex = $null
  if (-not [Threading.Mutex]::TryOpenExisting('Global\_MSIExecute', [ref]$mutex)) { return $false }
  try {
    if (-not $mutex.WaitOne(0)) { return $true }
    $mutex.ReleaseMutex()
    $false
  } finally {
    $mutex.Dispose()
  }
}

# IUpdateInstaller.IsBusy: "an installation or uninstallation is in progress" (Windows Update Agent API).
function UpdateWorks {
  try { [bool](New-Object -ComObject Microsoft.Update.Session).CreateUpdateInstaller().IsBusy } catch { $false }
}

# TiWorker.exe stays for minutes after its work: it works if it used the processor since the last look.
function WorkerWorks {
  $works = $false
  foreach ($process in @(Get-Process -Name TiWorker -ErrorAction SilentlyContinue)) {
    $used = [double]$process.CPU
    $before = $script:Worked[$process.Id]
    if ($null -eq $before -or $used - $before -gt 0.5) { $works = $true }
    $script:Worked[$process.Id] = $used
  }
  $works
}

function Busy {
  if (MsiWorks) { return 'Windows Installer (msiserver)' }
  if (UpdateWorks) { return 'Windows Update (wuauserv)' }
  if (WorkerWorks) { return 'Windows Modules Installer (TiWorker.exe)' }
  ''
}

# Idle at two looks: between two updates nothing works for a moment.
function AwaitInstallers {
  $idle = 0
  while ($idle -lt 2) {
    $cause = Busy
    if (-not $cause) {
      $idle += 1
      if ($idle -lt 2) { Start-Sleep -Seconds $Pause }
      continue
    }
    $idle = 0
    if ((Passed) -ge $Limit) {
      Say "still busy after $Limit s: $cause"
      exit 11
    }
    WaitFor $cause
  }
}

AwaitFirstBoot
AwaitInstallers
Say 'done'
exit 0
