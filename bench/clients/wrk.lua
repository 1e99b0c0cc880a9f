-- wrk's script: the same POST as everybody's.
wrk.method = "POST"
wrk.body = '{"type":"phone","subType":"work","value":"+49 30 23125 001"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv "BENCH_TOKEN"
