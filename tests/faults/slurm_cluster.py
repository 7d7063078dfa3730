"""A Slurm cluster of two nodes on this machine, in a folder of its own: `python -m tests.faults.slurm_cluster FOLDER`.

It needs Debian's packages slurm-wlm and munge, and root. Nothing outside the folder is touched but munge's socket.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "munged")
STARTS_WITHIN_S = 60
ENDS_WITHIN_S = 20

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
MaxArraySize={largest_array}
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
    daemons: dict[str, "subprocess.Popen[bytes]"]

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to find the cluster."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def command(self, *words: str) -> str:
        """The output of a Slurm command."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        return done.stdout + done.stderr

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._start(f"slurmd-{node}", "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """End a node as a power cut does, with the jobs on it."""
        jobs = self.command("squeue", "--noheader", f"--nodelist={node}", "--format=%A").split()
        own = self.daemons.pop(f"slurmd-{node}")
        _kill([own.pid, *self._step_daemons(jobs), *self._processes(jobs)])
        own.wait()

    def kill_job(self, job: str) -> None:
        """End a job's processes as the kernel does when memory is short."""
        _kill(self._processes(self.command("squeue", "--noheader", f"--jobs={job}", "--format=%A").split()))

    def _processes(self, jobs: Collection[str] | None = None) -> list[int]:
        """The processes of these Slurm jobs, or of all."""
        of = {process: _after(b"SLURM_JOB_ID=", environment) for process, _, environment in self._found()}
        return [process for process, job in of.items() if job and (jobs is None or job in jobs)]

    def _step_daemons(self, jobs: Collection[str] | None = None) -> list[int]:
        """Slurm's own processes around the steps of these jobs, or of all."""
        of = {process: _after(b"slurmstepd: [", [words]).partition(".")[0] for process, words, _ in self._found()}
        return [process for process, job in of.items() if job and (jobs is None or job in jobs)]

    def _found(self) -> Iterator[tuple[int, bytes, list[bytes]]]:
        """The processes that were started for this cluster: number, command line, environment."""
        ours = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for entry in Path("/proc").iterdir():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                words = (entry / "cmdline").read_bytes()
            except OSError:  # no process, or one that has ended
                continue
            if ours in environment:
                yield int(entry.name), words, environment

    def end(self) -> None:
        """End the jobs, then the daemons."""
        self.command("scancel", "--user=root")
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self.command("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.2)
        for name, daemon in reversed(self.daemons.items()):
            daemon.terminate()
            try:
                daemon.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                print(f"{name} does not end", file=sys.stderr)
                daemon.kill()
                daemon.wait()
        _kill([*self._processes(), *self._step_daemons()])

    def _start(self, name: str, program: str, *arguments: str) -> None:
        path = program_path(program)
        assert path is not None
        with (self.folder / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [path, *arguments], env=self.environment, stdout=output, stderr=output
            )

    def wait_until_idle(self, nodes: int = 2) -> None:
        """Wait until so many nodes take jobs."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self.command("sinfo", "--noheader", "--Node", "--states=idle").count("\n") < nodes:
            if time.monotonic() > deadline:
                raise TimeoutError(self.command("sinfo") + (self.folder / "slurmctld.log").read_text()[-2000:])
            time.sleep(0.5)


def _after(start: bytes, texts: Iterable[bytes]) -> str:
    """What follows in the first text that starts so; empty where none does."""
    return next((text.removeprefix(start).decode() for text in texts if text.startswith(start)), "")


def _kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@contextmanager
def cluster(folder: Path, largest_array: int = 1001) -> Iterator[Cluster]:
    """Start a cluster whose files are in the folder; its jobs and daemons end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir()
    munge = folder / "munge"
    munge.mkdir(mode=0o755)
    (munge / "key").write_bytes(os.urandom(1024))
    (munge / "key").chmod(0o600)
    text = CONFIGURATION.format(
        folder=folder, host=socket.gethostname(), ports=_free_ports(3), largest_array=largest_array
    )
    (folder / "slurm.conf").write_text(text.lstrip())
    made = Cluster(folder, {})
    try:
        files = [f"--{name}={munge / name}" for name in ("socket",)]
        files += [f"--key-file={munge / 'key'}", f"--pid-file={munge / 'pid'}", f"--log-file={munge / 'log'}"]
        files += [f"--seed-file={munge / 'seed'}"]
        made._start("munged", "munged", "--foreground", "--force", *files)
        _wait_for(munge / "socket")
        made._start("slurmctld", "slurmctld", "-D", "-c")
        for node in ("n1", "n2"):
            made.start_node(node)
        made.wait_until_idle()
        yield made
    finally:
        made.end()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not appear")
        time.sleep(0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with cluster(Path(sys.argv[1]).resolve()) as running:
        print(f"export SLURM_CONF={running.folder}/slurm.conf", flush=True)
        signal.pause()
