#!/usr/bin/python3
"""make bench: what awork costs beside others, in one run, as ratios.

Every client makes the same POST against the same nginx with a static answer (or, with --server sandbox, against the
sandbox). Each is run twice a round, with few and with many requests, so that its start-up cancels out; the rounds
take turns, so that a machine that slows down slows all of them. Printed is the median of the rounds.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
USER = "123e4567-e89b-12d3-a456-426614174000"
TOKEN = "bench-token"
PATH = "/api/v1/users/%s/contactinfo" % USER
WIDTH = 16
ANSWER = json.dumps({
    "label": None, "value": "+49 30 23125 001", "type": "phone", "subType": "work", "addressLine1": None,
    "addressLine2": None, "zipCode": None, "city": None, "state": None, "country": None, "isAddress": False,
    "id": USER, "createdOn": "2024-01-15T09:30:00Z", "createdBy": USER, "updatedOn": "2024-01-15T09:30:00Z",
    "updatedBy": USER})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit("bench: the server did not start")


class Nginx:
    def __init__(self, work):
        self.port = free_port()
        text = (HERE / "nginx.conf.in").read_text()
        for key, value in {"DIR": work, "PORT": str(self.port), "ANSWER": ANSWER}.items():
            text = text.replace("@%s@" % key, value)
        conf = pathlib.Path(work, "nginx.conf")
        conf.write_text(text)
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", work, "-c", str(conf)], stderr=subprocess.DEVNULL)
        wait_for(self.port)
        self.user = USER
        self.token = TOKEN

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Sandbox:
    def __init__(self, _):
        self.process = subprocess.Popen(["lua5.4", str(HERE / "sandbox.lua")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port, self.token, self.user = self.process.stdout.readline().split()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def compile_raw(work):
    for name in ("raw_easy", "raw_multi"):
        subprocess.run(["cc", "-std=c11", "-O2", "-o", os.path.join(work, name), str(HERE / "clients" / (name + ".c")),
                        "-lcurl"], check=True)


def clients(server, work):
    """name -> (concurrency, how many requests in the long run, command for a count)"""
    base = "http://127.0.0.1:%s" % server.port
    path = PATH.replace(USER, server.user)
    url, api = base + path, base + "/api/v1"
    at = lambda name: str(HERE / "clients" / name)
    lua, python = "lua5.4", "/usr/bin/python3"
    found = {
        "raw libcurl, easy": (1, 8000, lambda n: [work + "/raw_easy", url, server.token, n]),
        "awork": (1, 8000, lambda n: [lua, at("awork_sequential.lua"), api, server.token, n, server.user]),
        "raw libcurl, multi": (WIDTH, 20000, lambda n: [work + "/raw_multi", url, server.token, n, str(WIDTH)]),
        "awork, create_many": (WIDTH, 20000,
                               lambda n: [lua, at("awork_many.lua"), api, server.token, n, server.user, str(WIDTH)]),
        "python requests": (1, 1500, lambda n: [python, at("python_client.py"), "requests", url, server.token, n, "1"]),
        "python aiohttp": (WIDTH, 4000,
                           lambda n: [python, at("python_client.py"), "aiohttp", url, server.token, n, str(WIDTH)]),
    }
    if subprocess.run(["lua5.1", "-e", "require 'curl' require 'cjson'"], capture_output=True).returncode == 0:
        found["lua-curl + cjson (5.1)"] = (1, 8000, lambda n: ["lua5.1", at("lua_curl.lua"), url, server.token, n])
    if subprocess.run(["lua5.1", "-e", "require 'http.client' require 'cjson'"], capture_output=True).returncode == 0:
        found["lua-http + cjson (5.1)"] = (1, 3000, lambda n: ["lua5.1", at("lua_http.lua"), "127.0.0.1", str(server.port), path,
                                                 server.token, n])
    if subprocess.run([lua, "-e", "require 'socket.http'"], capture_output=True).returncode == 0:
        found["luasocket"] = (1, 3000, lambda n: [lua, at("luasocket.lua"), url, server.token, n])
    if shutil.which("node"):
        script = at("node_client.mjs")
        for width in (1, WIDTH):
            name = "node fetch" + ("" if width == 1 else ", %d" % width)
            found[name] = (width, 4000, lambda n, w=width: ["node", script, "fetch", url, server.token, n, str(w)])
        if (HERE / "node_modules" / "undici").is_dir():
            for width in (1, WIDTH):
                name = "node undici" + ("" if width == 1 else ", %d" % width)
                found[name] = (width, 6000, lambda n, w=width: ["node", script, "undici", url, server.token, n, str(w)])
    return found, url


def run_once(command, env):
    start = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), message.decode(errors="replace").strip()))
    return wall, usage.ru_utime + usage.ru_stime


def measure(found, rounds, scale, env):
    few = 100
    samples, broken = {name: [] for name in found}, {}
    for _ in range(rounds):
        for name, (_, most, command) in found.items():
            if name in broken:
                continue
            many = max(few * 2, int(most * scale))
            try:
                a, b = run_once(command(str(few)), env), run_once(command(str(many)), env)
            except RuntimeError as error:
                broken[name] = str(error)
                continue
            samples[name].append(((b[0] - a[0]) / (many - few), (b[1] - a[1]) / (many - few)))
    return samples, broken


def wrk(url, token):
    if not shutil.which("wrk"):
        return None
    text = subprocess.run(["wrk", "-t1", "-c%d" % WIDTH, "-d3s", "-s", str(HERE / "clients" / "wrk.lua"), url],
                          env=dict(os.environ, BENCH_TOKEN=token), capture_output=True, text=True).stdout
    for line in text.splitlines():
        if line.startswith("Requests/sec:"):
            return float(line.split()[1])
    return None


def ratio(samples, name, floor, index):
    """The median of the ratios round by round."""
    pairs = list(zip(samples.get(name, []), samples.get(floor, [])))
    return statistics.median(a[index] / b[index] for a, b in pairs) if pairs else None


def chart(rows, file):
    if not shutil.which("gnuplot"):
        return False
    data = "\n".join('"%s" %f' % (r["client"], r["cpu_us"]) for r in rows)
    script = """
set terminal pngcairo noenhanced size 1000,%d font 'sans,11'
set output '%s'
set title 'Client CPU per create, microseconds (less is better)'
set style fill solid 0.8
set yrange [-0.5:%f] reverse
set xrange [0:*]
set rmargin 6
set grid xtics
set lmargin 26
unset key
$data << EOD
%s
EOD
plot $data using ($2/2):0:($2/2):(0.35):ytic(1) with boxxyerror lc rgb '#3465a4', \\
     $data using 2:0:(sprintf(' %%.0f', $2)) with labels left
""" % (120 + 36 * len(rows), file, len(rows) - 0.5, data)
    return subprocess.run(["gnuplot"], input=script, text=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=("nginx", "sandbox"), default="nginx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of requests")
    parser.add_argument("--only", help="only clients whose name contains this, and the two floors")
    parser.add_argument("--out", default=str(ROOT / "build" / "bench"), help="folder for the JSON and the PNG")
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    env = dict(os.environ, LUA_PATH="%s/lua/?.lua;%s/lua/?/init.lua;;" % (ROOT, ROOT),
               LUA_CPATH="%s/build/?.so;;" % ROOT)
    os.environ.update(LUA_PATH=env["LUA_PATH"], LUA_CPATH=env["LUA_CPATH"])
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        compile_raw(work)
        server = (Nginx if options.server == "nginx" else Sandbox)(work)
        try:
            found, url = clients(server, work)
            if options.only:
                found = {k: v for k, v in found.items() if options.only in k or k.startswith("raw")}
            samples, broken = measure(found, options.rounds, options.scale, env)
            ceiling = wrk(url, server.token)
        finally:
            server.stop()
    rows = []
    for name, (width, _, _) in found.items():
        if not samples[name]:
            continue
        floor = "raw libcurl, easy" if width == 1 else "raw libcurl, multi"
        throughput = ratio(samples, name, floor, 0)
        rows.append({
            "client": name, "concurrency": width,
            "per_second": 1 / statistics.median(s[0] for s in samples[name]),
            "cpu_us": 1e6 * statistics.median(s[1] for s in samples[name]),
            "cpu_ratio": ratio(samples, name, floor, 1), "throughput_ratio": 1 / throughput,
        })
    rows.sort(key=lambda r: (r["concurrency"], r["cpu_us"]))
    print("server: %s; ratios are to raw libcurl at the same concurrency, the median of %d rounds"
          % (options.server, options.rounds))
    print("%-26s %5s %10s %12s %9s %12s" % ("client", "width", "creates/s", "CPU µs each", "CPU ×", "throughput ×"))
    for r in rows:
        print("%-26s %5d %10.0f %12.1f %9.2f %12.2f" % (
            r["client"], r["concurrency"], r["per_second"], r["cpu_us"], r["cpu_ratio"], r["throughput_ratio"]))
    if ceiling:
        print("%-26s %5d %10.0f   (the ceiling: no client does less)" % ("wrk", WIDTH, ceiling))
    for name, why in broken.items():
        print("%-26s did not run: %s" % (name, why.splitlines()[-1] if why else "?"))
    file = out / ("http-%s.json" % options.server)
    file.write_text(json.dumps({"server": options.server, "rounds": options.rounds, "rows": rows, "wrk": ceiling,
                                "broken": broken}, indent=1) + "\n")
    if chart(rows, str(out / ("http-%s.png" % options.server))):
        print("written: %s and .png" % file)
    if any(name.startswith(("awork", "raw")) for name in broken):
        sys.exit(1)


main()
