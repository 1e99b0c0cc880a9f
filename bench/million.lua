-- Memory of create_many over a million rows from an iterator: resident set after the first 10,000, largest, at the end.
-- Usage: with_sandbox.py -- lua5.4 bench/million.lua [rows]
local awork = require "awork"

local rows = tonumber(arg[1]) or 1000000

local function resident()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s+(%d+)"
    if kib then
      return tonumber(kib) / 1024
    end
  end
end

local url, token, user_id = os.getenv "BENCH_URL", os.getenv "BENCH_TOKEN", os.getenv "BENCH_USER"
local client = assert(awork.client { base_url = url, token = token, rate = false })
local made, first, largest, start = 0, nil, 0, os.time()
local report = assert(client.contact_infos:create_many(function()
  if made < rows then
    made = made + 1
    return { user_id = user_id, info = { type = "phone", subType = "work", value = ("+49 30 %07d"):format(made) } }
  end
end, {
  concurrency = 16,
  on_progress = function(done)
    if done == 10000 then
      first = resident()
    elseif done > 10000 and done % 1000 == 0 then
      largest = math.max(largest, resident())
    end
  end,
}))
print(("%d rows, %d created, %d failed, %d s"):format(rows, report.created, report.failed, os.time() - start))
print(("resident after 10,000 rows: %.1f MiB; largest after that: %.1f MiB; grown by %.1f MiB"):format(first, largest,
  largest - first))
client:close()
