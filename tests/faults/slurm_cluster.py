"""A Slurm cluster of two nodes on this machine, with its files in a folder.

It needs Debian's packages slurm-wlm and munge, and root. Nothing outside the folder is touched but munge's socket.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.sweeps import wait_until

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "munged")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=8000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=8000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def reason_not_to_start() -> str:
    """Why the cluster cannot be started here; empty where it can."""
    if missing := [program for program in PROGRAMS if program_path(program) is None]:
        return f"no {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "Slurm's daemons need root here"


def program_path(name: str) -> str | None:
    """The path of a program, also where only root's PATH has it."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass
class Cluster:
    """A running cluster."""

    folder: Path
    daemons: "list[subprocess.Popen[bytes]]"

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to find the cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def command(self, *words: str) -> str:
        """The output of a Slurm command."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        return done.stdout + done.stderr

    def kill(self, job: str) -> None:
        """End a job's processes as the kernel does when memory is short."""
        number = self.command("squeue", "--noheader", f"--jobs={job}", "--format=%A").strip()
        self.kill_processes(SLURM_JOB_ID=number)

    def kill_processes(self, **variables: str) -> None:
        """Kill the processes of this cluster that were started with these variables."""
        wanted = (variables | {"SLURM_CONF": f"{self.folder}/slurm.conf"}).items()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if wanted <= process.environ().items():
                    process.kill()

    def end(self) -> None:
        """End the jobs and the daemons."""
        self.command("scancel", "--user=root")
        self.kill_processes()
        for daemon in self.daemons:
            daemon.wait()

    def start(self, name: str, program: str, *arguments: str) -> None:
        """Start one of Slurm's daemons."""
        with (self.folder / f"{name}.out").open("ab") as output:
            command = [str(program_path(program)), *arguments]
            self.daemons.append(subprocess.Popen(command, env=self.environment, stdout=output, stderr=output))


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster whose files are in the folder; its jobs and daemons end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir()
    munge = folder / "munge"
    munge.mkdir(mode=0o755)
    (munge / "key").write_bytes(os.urandom(1024))
    (munge / "key").chmod(0o600)
    text = CONFIGURATION.format(folder=folder, host=socket.gethostname(), ports=_free_ports(3))
    (folder / "slurm.conf").write_text(text.lstrip())
    made = Cluster(folder, [])
    try:
        files = [f"--{name}-file={munge / name}" for name in ("key", "pid", "log", "seed")]
        made.start("munged", "munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
        wait_until((munge / "socket").exists)
        made.start("slurmctld", "slurmctld", "-D", "-c")
        for node in ("n1", "n2"):
            made.start(f"slurmd-{node}", "slurmd", "-D", "-N", node)
        wait_until(lambda: made.command("sinfo", "--noheader", "--Node", "--states=idle").count("\n") == 2)
        yield made
    finally:
        made.end()


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]
