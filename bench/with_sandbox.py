#!/usr/bin/python3
"""with_sandbox.py [name=value ...] -- COMMAND: runs COMMAND beside a sandbox in a process of its own.

COMMAND finds BENCH_URL, BENCH_TOKEN and BENCH_USER in its environment; name=value goes to bench/sandbox.lua.
"""
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
cut = sys.argv.index("--")
with subprocess.Popen(["lua5.4", str(here / "sandbox.lua")] + sys.argv[1:cut], stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, text=True) as sandbox:
    port, token, user = sandbox.stdout.readline().split()
    env = dict(os.environ, BENCH_URL="http://127.0.0.1:%s/api/v1" % port, BENCH_TOKEN=token, BENCH_USER=user)
    status = subprocess.run(sys.argv[cut + 1:], env=env).returncode
    sandbox.stdin.close()
sys.exit(status)
