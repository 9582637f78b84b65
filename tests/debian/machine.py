"""A Debian tree that runs with a systemd of its own, without a network but loopback, and is thrown away after it.

It is of the release that this machine runs, since that is what the program was linked for, and is made once; what happens
while it runs goes into memory above it. Whoever makes one is in its network from then on.
"""

import ctypes, os, pathlib, shutil, signal, subprocess, time

PATIENCE_S = 60
# What every server has, and of what rssd names itself the roots for https.
INCLUDED = "systemd,systemd-sysv,dbus,ca-certificates"
# Limits of units are above what this machine may have.
CAPABILITIES = "CAP_SYS_RESOURCE"


class Failed(Exception):
    pass


def run(*command, check=True, **more):
    command = [str(part) for part in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if check and done.returncode != 0:
        raise Failed(f"`{' '.join(command)}` left with {done.returncode}:\n{done.stdout}")
    return done.stdout


def until(what, look, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise Failed(f"waited {patience_s} s for {what}")


def release():
    """The name of this machine's release, and where its packages come from."""
    told = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    name = told["VERSION_CODENAME"].strip('"')
    sites = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {name}", "Component: main")
    if not sites.strip():
        raise Failed(f"apt has no site for {name}/main; see /etc/apt")
    return name, sites.split()[0]


def make_tree(tree):
    """Gives whether it can be had: packages come over the network."""
    if (tree / "etc/debian_version").exists():
        return True
    name, site = release()
    made = tree.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    try:
        run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", name, made, site)
    except Failed as failed:
        print(str(failed)[-2000:])
        return False
    made.rename(tree)
    return True


class Machine:
    def __init__(self, tree, packages):
        # It mixes nothing into the terminal, and the machine's own systemd, if it has one, hears nothing of it.
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=read-only", "--boot",
                   f"--directory={tree}", "--volatile=overlay", "--private-network", f"--bind-ro={packages}:/packages",
                   f"--capability={CAPABILITIES}"]
        self.log = open(packages / "boot.log", "w")
        self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.boot()
        except Failed:
            self.end()
            raise

    def boot(self):
        self.init = until("the machine to boot", self.find_init)
        network = os.open(f"/proc/{self.init}/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(network, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        until("its system to be up", lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"))

    def find_init(self):
        if self.nspawn.poll() is not None:
            raise Failed(f"systemd-nspawn left with {self.nspawn.returncode}:\n{pathlib.Path(self.log.name).read_text()}")
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        named = [int(pid) for pid in children if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"]
        # Before that it is a part of nspawn, on its way in.
        return named[0] if named else None

    def entering(self, *command):
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"]
        return ["nsenter", f"--target={self.init}", *spaces, "--", *clean, *map(str, command)]

    def run(self, *command, check=True):
        return run(*self.entering(*command), check=check)

    def shell(self, text):
        return self.run("bash", "-euc", text)

    def popen(self, *command):
        return subprocess.Popen(self.entering(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def path(self, inside):
        return pathlib.Path(f"/proc/{self.init}/root{inside}")

    def may_raise_limits(self):
        held = int(self.run("sed", "-n", "s/^CapEff://p", "/proc/1/status"), 16)
        return bool(held & 1 << 24)  # CAP_SYS_RESOURCE

    def property(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def end(self):
        # It takes everything in it along.
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
