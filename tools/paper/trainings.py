"""Jobs: child processes, mostly trainings, whose results are kept.

Running them again is safe: finished jobs are kept, interrupted ones resumed.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Optional, Sequence

from mmengine.config import Config
from spent import Meter, seconds_of_children
from whole_file import write_whole

_PROGRESS = re.compile(
    r'(?:Iter\(train\)\s*|Epoch\(train\)\s*\[(?P<epoch>\d+)\])'
    r'\[\s*(?P<done>\d+)/(?P<total>\d+)\].*?'
    r'eta: (?P<eta>\S+(?: days?, \S+)?).*? loss: (?P<loss>\S+)')


class Job:
    """Something that takes long, in its own process.

    Args:
        name (str): What its progress is headed with.
        command (list[str]): Program and arguments. They must go on with what
            was interrupted.
        work_dir (Path): For its log and its result.
        cache_key (list[str]): Settings that the result depends on; stored
            with the result.
        depends_on (Sequence[Job]): Jobs that must end first. Defaults to ().
    """

    def __init__(self,
                 name: str,
                 command: List[str],
                 work_dir: Path,
                 cache_key: List[str],
                 depends_on: Sequence['Job'] = ()) -> None:
        self.name, self.command, self.depends_on = name, command, depends_on
        self.work_dir, self.cache_key = work_dir, cache_key

    def result(self) -> Optional[dict]:
        """Result of an earlier run with the same options, or None."""
        return kept_result(self.work_dir, self.cache_key)

    def start(self) -> None:
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.log = open(self.work_dir / 'log.txt', 'a')
        # Two trainings share two cores best with one thread each.
        env = dict(
            os.environ,
            OMP_NUM_THREADS='1',
            PYTHONWARNINGS='ignore',
            PYTHON=sys.executable)
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            # a group, which ends as a whole: torchrun and its processes
            start_new_session=True)
        self.meter = Meter(self.work_dir, self.process.pid)
        os.set_blocking(self.process.stdout.fileno(), False)
        print(f'  {self.name}: started, log in {self.log.name}', flush=True)

    def poll(self) -> bool:
        """Prints progress; True if the job has ended."""
        earlier = seconds_of_children()
        ended = self.process.poll() is not None
        for line in self.process.stdout.readlines():
            self.log.write(line)
            progress = format_progress(line)
            if progress:
                print(f'  {self.name}: {progress}', flush=True)
        if ended:
            self.log.close()
            # nothing else has ended since: the jobs are polled one by one
            self._finish(self.meter.note(seconds_of_children() - earlier))
        else:
            self.meter.note_now_and_then()
        return ended

    def terminate(self) -> None:
        """Ends the job and every process that it started."""
        if self.process.poll() is None:
            self.meter.note()
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()

    def _finish(self, spent: dict) -> None:
        if self.process.returncode:
            raise SystemExit(
                f'{self.name} failed; the end of {self.log.name}:\n' +
                '\n'.join(Path(self.log.name).read_text().split('\n')[-20:]))
        result = dict(
            command=self.cache_key,
            **{
                name: value and round(value, 2)
                for name, value in spent.items()
            },
            **self.outcome())
        write_whole(
            _result_file(self.work_dir), json.dumps(result, indent=2))
        reached = f'mIoU {result["mIoU"]:.1f}' if 'mIoU' in result else 'done'
        print(
            f'  {self.name}: {reached} after {result["minutes"]:.1f} minutes',
            flush=True)

    def outcome(self) -> dict:
        """Values that are saved with the result."""
        return {}


class Training(Job):
    """A training by mmengine, which writes into the work dir."""

    def outcome(self) -> dict:
        """mIoU (%) and checkpoint.

        Raises:
            SystemExit: If the last checkpoint was not evaluated.
        """
        checkpoint = (self.work_dir / 'last_checkpoint').read_text()
        scores = last_scores(self.work_dir)
        if not scores or f'_{scores["step"]}.pth' not in checkpoint:
            raise SystemExit(
                f'{self.name}: {checkpoint} was written, but its evaluation '
                'was interrupted. Write the name of an older checkpoint into '
                f'{self.work_dir}/last_checkpoint and start again.')
        return dict(mIoU=scores['mIoU'], checkpoint=checkpoint)


def _result_file(work_dir: Path) -> Path:
    return work_dir / 'result.json'


def kept_result(work_dir: Path, cache_key: List[str]) -> Optional[dict]:
    """Reads what a finished job left.

    Args:
        work_dir (Path): Of the job.
        cache_key (list[str]): Settings that the result must have.

    Returns:
        dict: minutes and core_minutes of all its starts, see
        :class:`~spent.Meter`, and of a training mIoU (%) and checkpoint;
        None without a result.

    Raises:
        SystemExit: If it was made with something else.
    """
    path = _result_file(work_dir)
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    if not _same_cache_key(result['command'], cache_key):
        raise SystemExit(
            f'{path} was made with other options: '
            f'{", ".join(result["command"])}; wanted is '
            f'{", ".join(cache_key)}. It is a result of its own: choose '
            'another --work-dir, or the options of then.')
    return result


def _same_cache_key(kept: List[str], wanted: List[str]) -> bool:
    """Whether two lists of options mean the same.

    A config that is named by its path may lie elsewhere by now, as it does
    when the folder of the project got another name. It is another one if
    that of then is still there and differs.
    """
    if kept[1:] != wanted[1:]:
        return False
    before, now = Path(kept[0]), Path(wanted[0])
    if before == now:
        return True
    if not (before.is_absolute() and now.is_absolute()):
        return False
    return before.name == now.name and (
        not before.is_file() or before.read_bytes() == now.read_bytes())


def format_progress(line: str) -> Optional[str]:
    """Progress that a line of mmengine's log reports.

    Args:
        line (str): Line of the log.

    Returns:
        str: Text such as ``iteration 50/1600, 0:05:00 to go, loss 1.2``; None
        if the line reports no progress.
    """
    found = _PROGRESS.search(line)
    if not found:
        return None
    epoch = f'epoch {found["epoch"]}, ' if found['epoch'] else ''
    return (f'{epoch}iteration {found["done"]}/{found["total"]}, '
            f'{found["eta"]} to go, loss {found["loss"]}')


def all_scores(work_dir: Path) -> List[dict]:
    """Evaluations that mmengine logged below a work dir, in order.

    Args:
        work_dir (Path): Work dir of the training.

    Returns:
        list[dict]: mIoU, step (epoch or iteration) and more of each.
    """
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if 'mIoU' in line]


def last_scores(work_dir: Path) -> Optional[dict]:
    """Last evaluation of :func:`all_scores`, or None."""
    scores = all_scores(work_dir)
    return scores[-1] if scores else None


def shortened(config: Config, iterations: int) -> dict:
    """Options that scale the schedule of a config.

    A quarter of the new schedule is the warm-up; in schedules counted in
    epochs it is one epoch.

    Args:
        config (Config): Config with MultiSourceBatchSampler, whose last
            scheduler ends with the training.
        iterations (int): Iterations of the whole training.

    Returns:
        dict: Values by config key.

    Raises:
        SystemExit: If there are too few iterations.
    """
    by_iteration = config.train_cfg.type == 'IterBasedTrainLoop'
    unit, end = ('iters', iterations) if by_iteration else ('epochs', 4)
    last = len(config.param_scheduler) - 1
    least = config.param_scheduler[last].begin + 1 if by_iteration else 4
    if iterations < least:
        raise SystemExit(f'--iterations: got {iterations}, expected {least} '
                         f'or more for {config.filename}.')
    options = {
        f'train_cfg.max_{unit}': end,
        'train_cfg.val_interval': end,
        f'param_scheduler.{last}.end': end,
        'train_dataloader.batch_sampler.epoch_length':
        iterations if by_iteration else iterations // 4
    }
    for index, hook in enumerate(config.get('custom_hooks', [])):
        if hook.type == 'SupervisedWarmupHook':
            options[f'custom_hooks.{index}.warmup_{unit}'] = end // 4
    return options


def to_arguments(options: dict) -> List[str]:
    """Config options as the words that follow ``--cfg-options``."""
    return [f'{key}={value}' for key, value in options.items()]


def run_all(jobs: Sequence[Job], at_a_time: int) -> None:
    """Runs the jobs that have no result yet.

    Args:
        jobs (Sequence[Job]): Jobs in the order in which they start, each once
            the jobs that it needs have ended.
        at_a_time (int): Number of jobs that run in parallel.

    Raises:
        SystemExit: If a job fails; the others are terminated.
    """
    _end_jobs_when_killed()
    waiting = [job for job in jobs if job.result() is None]
    running: List[Job] = []
    try:
        while waiting or running:
            ready = [
                job for job in waiting
                if all(needed.result() for needed in job.depends_on)
            ]
            for job in ready[:at_a_time - len(running)]:
                job.start()
                running.append(job)
                waiting.remove(job)
            running = [job for job in running if not job.poll()]
            time.sleep(0.5)
    finally:
        for job in running:
            job.terminate()


def _end_jobs_when_killed() -> None:
    """Makes ``finally`` run when the tool or its terminal is closed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
