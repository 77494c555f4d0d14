"""A Slurm of one node on this machine, for tests: started from Debian's packages, and stopped again.

    python -m tests.helpers.slurm snakemake --profile workflow/profiles/slurm

runs a command while it is up. It needs root, and a machine that has no Slurm of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

#: Where Slurm's commands look; Snakemake's plugin removes SLURM_CONF from the environment.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
MARK = "# Written by xinc's tests; may be deleted."
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
SOCKET = Path("/run/munge/munge.socket.2")

# Memory is counted and enforced without control groups, which containers lack. The GPU is not a device, only a number.
CONF = """{mark}
ClusterName=xinc
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/daemon
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,batch_sched_delay=0,defer_batch
ReturnToService=2
MinJobAge=3600
KillWait=5
MpiDefault=none
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why there can be no Slurm here; None where there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"no Slurm here: {', '.join(missing)} missing (Debian's packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "Slurm can only be started by root"
    if CONFIGURATION.exists() and MARK not in CONFIGURATION.read_text(encoding="utf-8"):
        return f"this machine has a Slurm of its own ({CONFIGURATION})"
    return None


@contextlib.contextmanager
def one_node(timeout: float = 60) -> Iterator[Path]:
    """A Slurm on this machine inside the block, one at a time; yields the folder of its logs."""
    reason = why_not()
    if reason:
        raise RuntimeError(reason)
    with open(Path(tempfile.gettempdir()) / "xinc-slurm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix="xinc-slurm-") as name, contextlib.ExitStack() as stack:
            state = Path(name)
            (state / "daemon").mkdir()
            _start_munge(stack, state)
            _configure(stack, state)
            for program in (["slurmctld", "-D"], ["slurmd", "-D", "-N", "localhost"]):
                _start(stack, program, state / f"{program[0]}.out")
            _wait_until_idle(state, timeout)
            yield state


def _configure(stack: contextlib.ExitStack, state: Path) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    with _free_port() as controller, _free_port() as daemon:
        values = {"controller": controller, "daemon": daemon, "state": state, "mark": MARK}
    cpus = max(4, os.cpu_count() or 1)
    files = {
        CONFIGURATION: CONF.format(cpus=cpus, memory=memory, **values),
        CONFIGURATION.with_name("gres.conf"): f"{MARK}\nNodeName=localhost Name=gpu File=/dev/null\n",
    }
    CONFIGURATION.parent.mkdir(exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        stack.callback(path.unlink, missing_ok=True)


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def _start_munge(stack: contextlib.ExitStack, state: Path) -> None:
    """The authentication service, unless it runs already."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        return
    for folder in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(folder).mkdir(exist_ok=True)
        shutil.chown(folder, "munge", "munge")
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.write_bytes(os.urandom(128))
        shutil.chown(key, "munge", "munge")
        key.chmod(0o400)
    # --force: it dislikes /tmp and containers' modes of folders.
    _start(stack, ["runuser", "-u", "munge", "--", "munged", "--foreground", "--force"], state / "munged.out")
    _wait(lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0, 20, state / "munged.out")


def _start(stack: contextlib.ExitStack, command: list[str], output: Path) -> None:
    with open(output, "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PATH": _path()})
    stack.callback(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_idle(state: Path, timeout: float) -> None:
    def idle() -> bool:
        done = subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True)
        return done.stdout.strip() == "idle"

    _wait(idle, timeout, state / "slurmctld.log", state / "slurmd.log")


def _wait(ready: object, timeout: float, *logs: Path) -> None:
    end = time.monotonic() + timeout
    while not ready():  # type: ignore[operator]
        if time.monotonic() > end:
            told = "\n".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())
            raise RuntimeError(f"Slurm did not come up within {timeout} s:\n{told}")
        time.sleep(0.2)


def _path() -> str:
    """Where programs are, daemons of the system included."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def main() -> int:
    """Run the command given while Slurm is up."""
    reason = why_not()
    if reason:
        print(f"Error: {reason}.", file=sys.stderr)
        return 1
    with one_node():
        return subprocess.run(sys.argv[1:]).returncode


if __name__ == "__main__":
    sys.exit(main())
