-- Killed at any moment and run again: exactly what was wanted, no duplicates; or undone: exactly what was there.
-- The sandbox lives in this process, what is killed is a child.
local awork = require "awork"
local core = require "awork.core"
local posix = require "awork.posix"
local world = require "desired_world"

local RUNS = 200

-- In memory where there is such a place: a killed process loses nothing there, and a sync takes no time.
local dir = os.tmpname()
os.remove(dir)
local shm = "/dev/shm/" .. dir:match "[^/]+$"
if posix.make_dirs(shm) then
  dir = shm
end
assert(posix.make_dirs(dir))

-- The child: plans (or loads the plan) and applies, and kills itself after so many VM instructions, counted over all of
-- its coroutines; 0: it is killed from outside.
local CHILD = [=[
local url, token, journal, plan_path, limit = arg[1], arg[2], arg[3], arg[4], tonumber(arg[5])
local stat = assert(io.open "/proc/self/stat")
local pid = stat:read "l":match "^%d+"
stat:close()
local STEP, count = 13, 0
local function tick()
  count = count + STEP
  if count >= limit then
    os.execute("kill -9 " .. pid)
  end
end
local create = coroutine.create
coroutine.create = function(fn)
  local co = create(fn)
  if limit > 0 then
    debug.sethook(co, tick, "", STEP)
  end
  return co
end
local awork = require "awork"
local client = assert(awork.client { base_url = url, token = token, rate = false })
local file = assert(io.open(plan_path))
local plan = assert(awork.load_plan(file:read "a"))
file:close()
io.write "ready\n"
io.flush()
if limit > 0 then
  debug.sethook(tick, "", STEP)
end
assert(client:apply(plan, { journal = journal, concurrency = 3 }))
io.write("done ", count, "\n")
]=]

describe("a run that is killed #process", function()
  local sandbox, client, initial

  local FORM = { "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "country" }

  local function content()
    local lines = {}
    for _, user in ipairs(sandbox.state().users) do
      for _, info in ipairs(user.userContactInfos) do
        local parts = { user.firstName }
        for _, field in ipairs(FORM) do
          parts[#parts + 1] = tostring(info[field])
        end
        lines[#lines + 1] = table.concat(parts, "|")
      end
    end
    table.sort(lines)
    return table.concat(lines, "\n")
  end

  local function populate()
    local users = {}
    for i = 1, 6 do
      users[i] = { firstName = "P" .. i, contact_infos = {
        { type = "phone", subType = "work", value = "+49 30 1" .. i },
        { type = "phone", subType = "work", value = "0049 30 1" .. i },
        { type = "phone", subType = "home", value = "+49 30 2" .. i },
        { type = "email", subType = "work", value = ("p%d@example.org"):format(i) },
        { type = "address", subType = "home", isAddress = true, addressLine1 = "Torstr. " .. i, zipCode = "10119",
          city = "Berlin", country = "DE" },
      } }
      for n, info in ipairs(users[i].contact_infos) do
        -- So that it is always the same of two twins that stays.
        info.createdOn = ("2026-01-01T00:00:%02dZ"):format(n)
      end
    end
    sandbox.set { users = users }
  end

  local function desired()
    local list = {}
    for i, id in ipairs(sandbox.user_ids) do
      list[i] = { user = id, contact_infos = {
        { type = "phone", subType = "work", value = "+49 (0)30 1" .. i },
        { type = "phone", subType = "mobile", value = "+49 170 " .. i },
        { type = "urls", subType = "work", value = "https://example.org/" .. i },
        { type = "address", subType = "home", addressLine1 = "Torstr. " .. i, addressLine2 = "Hof A", zipCode = "10119",
          city = "Berlin", country = "DE" },
      } }
    end
    return list
  end

  local OPTIONS = { prune = true, delete_limit = false }

  local function plan()
    return assert(client:plan(desired(), OPTIONS))
  end

  local function quoted(text)
    return "'" .. text:gsub("'", "'\\''") .. "'"
  end

  -- Runs the child; what it wrote, once it is dead.
  local function run(limit, delay, journal)
    local file = assert(io.open(dir .. "/plan.json", "w"))
    file:write(plan():to_json())
    file:close()
    local command = ("lua5.4 %s/child.lua %s %s %s %s/plan.json %d"):format(quoted(dir), quoted(sandbox.url),
      quoted(sandbox.token), quoted(journal), quoted(dir), limit)
    if delay then
      -- By its own pid, so that nothing else is ever hit.
      command = ("%s & pid=$!; sleep %.4f; kill -9 $pid 2>/dev/null; wait $pid"):format(command, delay)
    end
    local before = sandbox.stats().open_connections
    local pipe = assert(io.popen(("{ LUA_PATH=%s LUA_CPATH=%s; export LUA_PATH LUA_CPATH; %s; } 2>&1"):format(
      quoted(package.path), quoted(package.cpath), command)))
    local out = pipe:read "a"
    pipe:close()
    -- What it had sent is served before its connections are seen to be closed.
    for _ = 1, 1000 do
      if sandbox.stats().open_connections <= before then
        return out
      end
      client:sleep(0.005)
    end
    error "the child's connections stay open"
  end

  setup(function()
    local file = assert(io.open(dir .. "/child.lua", "w"))
    file:write(CHILD)
    file:close()
    sandbox = assert(require "awork.sandbox".start { rate_limit = false, log = false })
    client = assert(awork.client { base_url = sandbox.url, token = sandbox.token, rate = false })
    populate()
    initial = content()
  end)

  teardown(function()
    client:close()
    sandbox.stop()
    os.execute("rm -rf " .. quoted(dir))
  end)

  it("ends, run again, with exactly what was wanted; or undone, with what was there", function()
    -- How long a whole run is, in instructions and in seconds, and what comes of it.
    populate()
    local began = core.now()
    local whole = run(1000000000, nil, dir .. "/whole")
    local seconds = core.now() - began
    local instructions = math.tointeger(tonumber(whole:match "done (%d+)"))
    assert.is_truthy(instructions, whole)
    local wanted = content()
    assert.is_true(wanted ~= initial)

    local r = world.random(2026)
    local killed, journals, partial = 0, 0, 0
    for i = 1, RUNS do
      populate()
      local journal = ("%s/journal-%d"):format(dir, i)
      -- Most die at a point of the program, some at a point in time, in the middle of whatever it is.
      local out
      if i % 4 ~= 0 then
        out = run(r.int(instructions), nil, journal)
      else
        out = run(0, seconds * r.int(1000) / 1000, journal)
      end
      killed = killed + (out:find("done", 1, true) and 0 or 1)
      local there = content()
      partial = partial + (there ~= initial and there ~= wanted and 1 or 0)
      local file = io.open(journal)
      local empty = not file or file:seek "end" == 0
      if file then
        file:close()
      end
      journals = journals + (empty and 0 or 1)
      if i % 3 == 0 and not empty then
        local undone = assert(client:undo(journal, { journal_dir = dir }))
        assert.equal("incomplete" ~= undone.state, true, "run " .. i)
        assert.equal(initial, content(), "run " .. i)
      elseif i % 3 == 1 then
        -- The very same plan again.
        local handle = assert(io.open(dir .. "/plan.json"))
        local same = assert(awork.load_plan(handle:read "a"))
        handle:close()
        local report = assert(client:apply(same, { journal_dir = dir }))
        assert.equal(0, report.counts.stale + report.counts.failed + report.counts.withheld, "run " .. i)
        assert.equal(wanted, content(), "run " .. i)
      else
        assert(client:apply(plan(), { journal_dir = dir }))
        assert.equal(wanted, content(), "run " .. i)
      end
      if i % 3 ~= 0 then
        assert.is_true(plan():is_empty(), "run " .. i)
      end
    end
    assert.is_true(killed > RUNS / 2, killed .. " killed")
    assert.is_true(journals > RUNS / 4, journals .. " journals")
    assert.is_true(partial > RUNS / 8, partial .. " in between")
  end)
end)
