-- Plans are applied beside others: people who correct things by hand meanwhile, a second apply, another workspace.
local awork = require "awork"
local cjson = require "cjson"
local posix = require "awork.posix"
local sandbox_module = require "awork.sandbox"

local dir = os.tmpname()
os.remove(dir)
assert(posix.make_dirs(dir))

local sandbox, clients

-- A client; with `clock`, a table, on a virtual one that moves by clock.now alone, and when someone sleeps.
local function open(options, clock)
  options = options or {}
  options.base_url, options.token = options.base_url or sandbox.url, options.token or sandbox.token
  options.rate = options.rate or false
  if clock then
    clock.now = clock.now or 1000
    options.clock = function() return clock.now end
    options.sleep = function(seconds) clock.now = clock.now + seconds end
  end
  local client = assert(awork.client(options))
  clients[#clients + 1] = client
  return client
end

local function phone(value, subtype, more)
  local info = { type = "phone", subType = subtype or "work", value = value }
  for key, item in pairs(more or {}) do
    info[key] = item
  end
  return info
end

local function people(count, infos)
  local list = {}
  for i = 1, count do
    list[i] = { firstName = "P" .. i, contact_infos = infos and infos(i) or { phone("+49 30 1" .. 100 + i) } }
  end
  sandbox.set { users = list, companies = 1 }
  sandbox.clear_requests()
end

local function replaced(count)
  local list = {}
  for i = 1, count do
    list[i] = { user = sandbox.user_ids[i], contact_infos = { phone("+49 30 2" .. 100 + i, "work", { replace = true }),
      phone("+49 40 " .. 100 + i, "home") } }
  end
  return list
end

local function info_of(i, kind)
  for _, info in ipairs(sandbox.contact_infos(sandbox.user_ids[i])) do
    if info.subType == kind then
      return info
    end
  end
end

local function apply(client, plan, opts)
  opts = opts or {}
  opts.delete_limit = false
  opts.lock, opts.journal_dir = opts.lock == nil and dir or opts.lock, dir
  return client:apply(plan, opts)
end

local function gets()
  local count = 0
  for _, request in ipairs(sandbox.requests()) do
    count = count + (request.method == "GET" and 1 or 0)
  end
  return count
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

setup(function()
  sandbox = assert(sandbox_module.start { users = 3, rate_limit = false, log = 100000 })
end)

teardown(function()
  sandbox.stop()
  os.execute("rm -rf '" .. dir .. "'")
end)

before_each(function()
  sandbox.reset()
  clients = {}
end)

after_each(function()
  for _, client in ipairs(clients) do
    client:close()
  end
end)

describe("what others change while a plan is applied", function()
  -- Applies to 40 people; when 10 changes are settled, `seconds` have passed and the last one's number is corrected.
  local function corrected(seconds, opts, client_options)
    people(40)
    local clock = {}
    local client, other = open(client_options, clock), open()
    local plan = assert(client:plan(replaced(40)))
    sandbox.clear_requests()
    local done
    opts = opts or {}
    opts.on_progress = function(settled)
      if settled >= 10 and not done then
        done = true
        clock.now = clock.now + seconds
        assert(other.contact_infos:patch(sandbox.user_ids[40], info_of(40, "work").id, { value = "+49 30 by hand" }))
        sandbox.clear_requests()
      end
    end
    opts.concurrency = opts.concurrency or 2
    local report = assert(apply(client, plan, opts))
    return report, info_of(40, "work").value, gets()
  end

  for _, how in ipairs { "many", "list", "each" } do
    it("is stale, not overwritten, however people are read: " .. how, function()
      local report, value, requests = corrected(6, { recheck = how ~= "many" and how or nil })
      assert.equal("+49 30 by hand", value)
      assert.equal(1, report.counts.stale)
      assert.equal("it has been changed", report.results[79].reason)
      assert.equal(79, report.counts.create + report.counts.update)
      assert.equal(1, report:exit_code())
      if how ~= "each" then
        assert.is_true(requests <= 8, requests .. " requests")
      end
    end)
  end

  it("is seen for 5 seconds of a read, or max_age", function()
    local _, value = corrected(3)
    assert.matches("+49 30 2140", value, 1, true)
    _, value = corrected(3, { max_age = 2 })
    assert.equal("+49 30 by hand", value)
    _, value = corrected(0, { max_age = 0 })
    assert.equal("+49 30 by hand", value)
  end)

  it("is seen by a server without filters, person by person", function()
    sandbox.fault { method = "GET", path = "/users$", kind = "status", status = 400, skip = 1, times = math.huge }
    people(4)
    local client = open()
    sandbox.clear_faults()
    local plan = assert(client:plan(replaced(4)))
    sandbox.fault { method = "GET", path = "/users$", kind = "status", status = 400, times = math.huge }
    sandbox.clear_requests()
    assert.equal("done", assert(apply(client, plan)).state)
    assert.equal(5, gets())
  end)

  it("is seen while a request waits for the rate limit", function()
    people(6)
    local clock = {}
    local client, other = open({ rate = { second = 50, minute = 9 } }, clock), open()
    local plan = assert(client:plan(replaced(6)))
    local slept, by_hand = client.sleep, nil
    assert.is_function(slept)
    local report = assert(apply(client, plan, { concurrency = 1, on_progress = function(settled)
      -- The minute's requests are used up: what comes now waits for it, and meanwhile somebody corrects a number.
      if settled == 5 then
        by_hand = true
        assert(other.contact_infos:patch(sandbox.user_ids[6], info_of(6, "work").id, { value = "+49 30 by hand" }))
      end
    end }))
    assert.is_true(by_hand)
    assert.equal("+49 30 by hand", info_of(6, "work").value)
    assert.equal(1, report.counts.stale)
    assert.equal(11, report.counts.create + report.counts.update)
    assert.is_true(clock.now > 1060)
  end)

  it("does not keep many at once from coming about, though each waits long for its turn", function()
    people(40)
    local client = open { max_connections = 1, random = function() return 0 end }
    local plan = assert(client:plan(replaced(40)))
    sandbox.fault { kind = "delay", seconds = 0.03, times = math.huge }
    local report = assert(apply(client, plan, { concurrency = 40, max_age = 0.1 }))
    assert.equal(80, report.counts.create + report.counts.update, report:to_text())
  end)

  it("is seen between the many changes of one person", function()
    people(1, function()
      local infos = {}
      for i = 1, 120 do
        infos[i] = phone("+49 30 " .. 1000 + i)
      end
      return infos
    end)
    local clock = {}
    local client, other = open(nil, clock), open()
    local there, desired = assert(client.contact_infos:list(sandbox.user_ids[1])), {}
    for i, info in ipairs(there) do
      desired[i] = { id = info.id, value = "+49 40 " .. 1000 + i }
    end
    local plan = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = desired } })
    local report = assert(apply(client, plan, { on_progress = function(settled)
      clock.now = clock.now + 0.1
      if settled == 20 then -- one of those that are decided on already, and one that is not
        assert(other.contact_infos:patch(sandbox.user_ids[1], there[35].id, { value = "+49 30 by hand" }))
      elseif settled == 60 then
        assert(other.contact_infos:delete(sandbox.user_ids[1], there[119].id))
      end
    end }))
    assert.is_true(report.counts.stale >= 1 and report.counts.stale <= 2)
    assert.equal("it is gone", report.results[119].reason)
    assert.equal(120, report.counts.update + report.counts.stale)
  end)

  it("is seen by undo, too", function()
    people(30)
    local clock = {}
    local client, other = open(nil, clock), open()
    local journal = assert(apply(client, assert(client:plan(replaced(30))))).journal
    local first
    local report = assert(client:undo(journal, { journal = false, lock = dir, concurrency = 1,
      on_progress = function(settled)
        if settled == 4 then
          first = true
          clock.now = clock.now + 6
          assert(other.contact_infos:patch(sandbox.user_ids[1], info_of(1, "work").id, { value = "+49 30 by hand" }))
        end
      end }))
    assert.is_true(first)
    assert.equal("+49 30 by hand", info_of(1, "work").value)
    assert.equal(1, report.counts.stale)
  end)

  it("is seen before an attempt is made again", function()
    people(1)
    local other = open()
    local client = open { random = function() return 0 end, on_response = function(response)
      if response.method == "PUT" and response.status == 503 then
        assert(other.contact_infos:patch(sandbox.user_ids[1], info_of(1, "work").id, { value = "+49 30 by hand" }))
      end
    end }
    local plan = assert(client:plan(replaced(1)))
    sandbox.fault { method = "PUT", kind = "status", status = 503 }
    local report = assert(apply(client, plan))
    assert.equal(1, report.counts.stale)
    assert.equal("+49 30 by hand", info_of(1, "work").value)
    -- An attempt that took effect, though no answer came, is done, and can be undone.
    people(1)
    plan = assert(client:plan(replaced(1)))
    sandbox.fault { method = "PUT", kind = "reset_after" }
    report = assert(apply(client, plan))
    assert.equal("done", report.state)
    assert.equal("done", assert(client:undo(report.journal, { journal = false, lock = dir })).state)
    assert.equal("+49 30 1101", info_of(1, "work").value)
  end)
end)

describe("two applies at once", function()
  it("are refused: the second, of two clients in two tasks", function()
    people(20)
    local a, b = open(), open()
    local plan = assert(a:plan(replaced(20)))
    local again = assert(awork.load_plan(plan:to_json()))
    local first = a:spawn(function() return apply(a, plan, { journal = false }) end)
    local second = b:spawn(function() return apply(b, again, { journal = false }) end)
    repeat
      a:wait(0.01)
      b:wait(0.01)
    until first:done() and second:done()
    local report, refusal = first:wait(), select(2, second:wait())
    if not report then
      report, refusal = second:wait(), select(2, first:wait())
    end
    assert.equal("done", report.state)
    assert.equal("locked", refusal.code)
    assert.equal("plan", refusal.kind)
    assert.matches("process %d+ since 20", tostring(refusal))
    for i = 1, 20 do
      assert.equal(2, #sandbox.contact_infos(sandbox.user_ids[i]))
    end
    -- It is let go of when the first one ends.
    assert.equal(40, assert(apply(b, again)).counts.already)
  end)

  it("are refused of one client, and of undo", function()
    people(3)
    local client = open()
    local report, refusal = assert(apply(client, assert(client:plan(replaced(1))))), nil
    local undone
    assert(apply(client, assert(client:plan(replaced(3))), { on_progress = function()
      undone, refusal = client:undo(report.journal, { lock = dir, journal = false })
    end }))
    assert.is_nil(undone)
    assert.equal("locked", refusal.code)
  end)

  it("go on where they are to: another workspace, no lock", function()
    local other <close> = assert(sandbox_module.start { users = 1, rate_limit = false, seed = 7 })
    people(1)
    local client, elsewhere = open(), open { base_url = other.url, token = other.token }
    local plan = assert(elsewhere:plan { { user = other.user_ids[1], contact_infos = { phone "+49 30 1" } } })
    local own = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = { phone "+49 30 5" } } })
    local inner, beside
    assert(apply(client, own, { on_progress = function()
      inner = assert(apply(elsewhere, plan))
      beside = assert(apply(client, assert(client:plan { { user = sandbox.user_ids[1],
        contact_infos = { phone "+49 30 6" } } }), { lock = false }))
    end }))
    assert.equal(1, inner.counts.create)
    assert.equal(1, beside.counts.create)
  end)

  it("are refused however their server is spelled", function()
    local take, id = require "awork.desired.lock".take, "00000000-0000-4000-8000-000000000001"
    for _, same in ipairs {
      { "https://api.awork.com/api/v1", "https://API.awork.com/api/v1", "HTTPS://api.awork.com:443/api/v1/" },
      { "http://127.0.0.1:8080/api/v1", "http://localhost:8080/api/v1", "http://[::1]:8080/api/v1",
        "http://LOCALHOST:8080/api/v1" },
    } do
      local lock <close> = assert(take(same[1], id, dir)) -- luacheck: ignore
      for _, spelling in ipairs(same) do
        local _, err = take(spelling, id, dir)
        assert.equal("locked", err and err.code, spelling)
      end
      for _, other in ipairs { same[1] .. "2", (same[1]:gsub("/api", "/API")), (same[1]:gsub("%d*/api", "1/api")) } do
        assert(take(other, id, dir)):close()
      end
    end
  end)

  it("are not refused for one that is over, but had no memory left to close its lock", function()
    local path = dir .. "/left.lock"
    assert(posix.lock_file(path, "")) -- nobody has it
    local lock, message = posix.lock_file(path, "")
    assert.is_truthy(lock, message)
    assert.is_nil((posix.lock_file(path, "")))
    lock:close()
  end)

  it("let go of the lock however they end", function()
    people(3)
    local client = open()
    local function taken()
      local lock, why = require "awork.desired.lock".take(sandbox.url, assert(client:check()).workspace.id, dir)
      if lock then
        lock:close()
      end
      return lock == nil and why.code
    end
    local held
    local function hold()
      held = taken()
      error "boom"
    end
    assert.is_nil((apply(client, assert(client:plan(replaced(1))), { on_progress = hold })))
    assert.equal("locked", held)
    assert.is_false(taken())
    -- A task that is cancelled.
    local task
    task = client:spawn(function()
      apply(client, assert(client:plan(replaced(3))), { on_progress = function() held = nil end })
    end)
    repeat client:wait(0.01) until not held
    task:cancel()
    assert.is_false(taken())
    -- A client that is closed.
    local closed = open()
    apply(closed, assert(closed:plan(replaced(3))), { on_progress = function() closed:close() end })
    assert.is_false(taken())
    -- What is in the way of the journal.
    write(dir .. "/taken-journal", "mine")
    apply(client, assert(client:plan(replaced(2))), { journal = dir .. "/taken-journal" })
    assert.is_false(taken())
  end)

  it("say what to do where no lock can be made", function()
    people(1)
    local client = open()
    write(dir .. "/a-file", "")
    local report, err = apply(client, assert(client:plan(replaced(1))), { lock = dir .. "/a-file/below" })
    assert.is_nil(report)
    assert.equal("file", err.kind)
    assert.equal("lock", err.code)
    assert.matches("XDG_STATE_HOME", err.hint, 1, true)
  end)
end)

describe("a plan and a journal", function()
  it("are for one workspace", function()
    local other <close> = assert(sandbox_module.start { users = 1, rate_limit = false, seed = 7 })
    people(1)
    local client, elsewhere = open(), open { base_url = other.url, token = other.token }
    local plan = assert(client:plan(replaced(1)))
    assert.equal(assert(client:check()).workspace.id, plan.workspace)
    plan.base_url = other.url -- as both would be https://api.awork.com/api/v1
    local report, err = apply(elsewhere, plan)
    assert.is_nil(report)
    assert.equal("other-workspace", err.code)
    plan.base_url = sandbox.url
    local loaded = assert(awork.load_plan(plan:to_json()))
    local journal = assert(apply(client, loaded)).journal
    local undo = assert(awork.undo_plan(journal))
    undo.base_url = other.url
    report, err = apply(elsewhere, undo)
    assert.is_nil(report)
    assert.equal("other-workspace", err.code)
    plan.workspace = nil
    report, err = apply(client, plan)
    assert.is_nil(report)
    assert.equal("no-workspace", err.code)
  end)

  it("take one request more, once a client", function()
    people(1)
    local client = open()
    local plan = assert(client:plan(replaced(1)))
    assert(apply(client, plan))
    local count = 0
    for _, request in ipairs(sandbox.requests()) do
      count = count + (request.target:find "/me$" and 1 or 0)
    end
    assert.equal(1, count)
  end)

  it("are not applied where awork does not tell the workspace", function()
    people(1)
    local client = open()
    sandbox.fault { method = "GET", path = "/me$", kind = "status", status = 404, times = 2 }
    local plan = assert(client:plan(replaced(1)))
    local report, err = apply(client, plan)
    assert.is_nil(report)
    assert.equal("no-workspace", err.code)
  end)
end)

describe("an owner who can't be seen", function()
  it("is a problem, never done", function()
    people(2)
    local client = open()
    local journal = assert(apply(client, assert(client:plan(replaced(2))))).journal
    sandbox.set { tokens = { { token = "none-token", user = 2, admin = false, rights = {} } } }
    local blind = open { token = "none-token" }
    local report = assert(blind:undo(journal, { journal = false, lock = dir }))
    assert.equal(1, report:exit_code())
    assert.equal(0, report.counts.already)
    assert.equal("incomplete", report.state)
    assert.equal(2, #sandbox.contact_infos(sandbox.user_ids[1]))
  end)

  it("is one also when that comes out in the middle", function()
    people(1)
    local client = open()
    local info = info_of(1, "work")
    local plan = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = {
      { id = info.id, absent = true } } } })
    sandbox.fault { method = "DELETE", kind = "status", status = 404 }
    sandbox.fault { method = "GET", path = "/users/[^/]+$", kind = "status", status = 404, skip = 1 }
    local report = assert(apply(client, plan))
    assert.equal(1, report.counts.stale)
    assert.matches("can't be seen", report.results[1].reason, 1, true)
  end)
end)

describe("undo of what got no answer", function()
  -- A journal as it is on disk when a process was killed at that moment: up to the line for which `last` holds.
  local function killed(last)
    people(1, function() return { { type = "email", subType = "private", value = "a@example.org" } } end)
    local client = open()
    local plan = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = { phone "+49 30 1" } } })
    local report = assert(apply(client, plan))
    local lines = {}
    for line in io.lines(report.journal) do
      lines[#lines + 1] = line .. "\n"
      if line:find(last, 1, true) then
        break
      end
    end
    local path = report.journal .. ".killed"
    write(path, table.concat(lines))
    assert(client.contact_infos:delete(sandbox.user_ids[1], info_of(1, "work").id))
    return client, path
  end

  local function undo(client, path)
    return assert(client:undo(path, { journal = false, lock = dir }))
  end

  it("leaves alone what others created, though it is equal", function()
    -- Killed before its request went out; then the number is entered by hand.
    local client, path = killed '"intent"'
    assert(client.contact_infos:create(sandbox.user_ids[1], phone "+49 30 1"))
    local report = undo(client, path)
    assert.equal(1, report.counts.stale)
    assert.equal(1, report:exit_code())
    assert.is_truthy(info_of(1, "work"))
    -- Nothing is there: nothing was done.
    client, path = killed '"intent"'
    assert.equal("done", undo(client, path).state)
  end)

  it("deletes what was created while the request was under way, and nothing else", function()
    local client, path = killed '"sent"'
    assert(client.contact_infos:create(sandbox.user_ids[1], phone "+49 30 1"))
    assert.equal(1, undo(client, path).counts.delete)
    assert.is_nil(info_of(1, "work"))
    -- Later, before, without a time, by somebody else, other in one field.
    local late, early = "2096-01-01T00:00:00Z", "2001-01-01T00:00:00Z"
    for _, made in ipairs { { createdOn = late, updatedOn = late }, { createdOn = "", updatedOn = "" },
      { addressLine2 = "x" }, { createdBy = "00000000-0000-4000-8000-000000000009" }, { updatedOn = late },
      { createdOn = early, updatedOn = early } } do
      path = select(2, killed '"sent"')
      local now = os.date "!%Y-%m-%dT%H:%M:%SZ"
      local info = phone("+49 30 1", "work", { createdOn = now, updatedOn = now })
      for field, value in pairs(made) do
        info[field] = value
      end
      sandbox.set { users = { { id = sandbox.user_ids[1], firstName = "P", contact_infos = { info } } } }
      local report = undo(open(), path)
      assert.equal(0, report.counts.delete)
      assert.is_truthy(info_of(1, "work"))
      -- Said, whenever what is there might be what was made.
      assert.equal(made.addressLine2 and 0 or 1, report:exit_code())
    end
  end)
end)

describe("a journal", function()
  it("loses an entry that holds a value which can't be put back, not the others", function()
    people(5, function(i)
      return { { type = "email", subType = "private", value = ("u%d@example.org"):format(i) },
        { type = "phone", subType = "home", value = i == 3 and 4930123 or "+49 30 " .. i } }
    end)
    local client, desired = open(), {}
    for i = 1, 5 do
      desired[i] = { user = sandbox.user_ids[i], contact_infos = {} }
    end
    local plan = assert(client:plan(desired, { prune = true, only = "phone" }))
    local loaded = assert(awork.load_plan(plan:to_json()))
    assert.equal(#plan:to_json(), #loaded:to_json())
    local report = assert(apply(client, loaded))
    assert.equal(5, report.counts.delete)
    local undone = assert(client:undo(report.journal, { journal = false, lock = dir }))
    assert.equal(4, undone.counts.create)
    assert.equal(1, undone:exit_code())
    assert.equal("lost", undone.problems[1].kind)
    assert.equal("P3", undone.problems[1].name)
    assert.matches("'value' of what was there is no string", undone:to_text(), 1, true)
  end)

  it("is found damaged by any flipped bit", function()
    people(1, function() return { phone("+49 30 1"), { type = "email", subType = "private", value = "a@b.de" } } end)
    local client = open()
    local report = assert(apply(client, assert(client:plan { { user = sandbox.user_ids[1], contact_infos = {
      phone("+49 30 2", "work", { replace = true }), phone("+49 30 3", "home") } } })))
    local text, path = read(report.journal), dir .. "/flipped"
    local original = {}
    for _, change in ipairs(assert(awork.undo_plan(report.journal)).changes) do
      original[change.op] = change
    end
    local accepted, refused, lost = 0, 0, 0
    local io_open, damaged = io.open, nil
    finally(function() io.open = io_open end) -- luacheck: ignore 122
    io.open = function(name, mode) -- luacheck: ignore 122
      if name ~= path or not damaged then
        return io_open(name, mode)
      end
      return { read = function() return damaged end, close = function() end }
    end
    for at = 1, #text do
      for bit = 0, 7 do
        damaged = text:sub(1, at - 1) .. string.char(text:byte(at) ~ (1 << bit)) .. text:sub(at + 1)
        local plan, err = awork.undo_plan(path)
        if not plan then
          refused = refused + 1
          assert.equal("file", err.kind)
        elseif #plan.problems == 0 then
          accepted = accepted + 1
        else
          lost = lost + 1
          for _, change in ipairs(plan.changes) do
            -- Either as it was, or as of one whose result is not known.
            local as = original[change.op]
            assert.is_truthy(as)
            assert.equal(as.owner_id, change.owner_id)
            assert.is_true(change.by_content or change.window ~= nil or change.id == as.id)
            assert.equal(as.form and as.form.value, change.form and change.form.value)
            assert.equal(as.before and as.before.value, change.before and change.before.value)
          end
        end
      end
    end
    assert.equal(0, accepted)
    assert.equal(#text * 8, refused + lost)
    assert.is_true(refused > 0 and lost > refused)
    -- Cut off anywhere it is as it was up to there.
    for at = 1, #text - 1 do
      damaged = text:sub(1, at)
      local plan, err = awork.undo_plan(path)
      assert.is_true(plan ~= nil and #plan.problems == 0 or err ~= nil and at < text:find("\n", 1, true))
    end
  end)

  it("ends at zeros that a crash has left, but does not at zeros amid lines that are whole", function()
    people(3)
    local client = open()
    local report = assert(apply(client, assert(client:plan(replaced(3))), { concurrency = 1 }))
    local lines, path = {}, dir .. "/zeros"
    for line in io.lines(report.journal, "L") do
      lines[#lines + 1] = line
    end
    local whole = assert(awork.undo_plan(report.journal))
    for at = 2, #lines do
      local holed = table.move(lines, 1, #lines, 1, {})
      holed[at] = lines[at]:sub(1, 30) .. ("\0"):rep(9) .. lines[at]:sub(40)
      write(path, table.concat(holed))
      local plan = assert(awork.undo_plan(path))
      assert.equal(at < #lines and 1 or 0, #plan.problems, at)
      assert.is_true(#plan.changes >= #whole.changes - 1, at)
      if at < #lines then
        assert.same({ line = at }, plan.problems[1].source)
      end
    end
    write(path, table.concat(lines, "", 1, 5) .. lines[6]:sub(1, 30) .. ("\0"):rep(4000) .. "\n" .. ("\0"):rep(99))
    assert.same({}, assert(awork.undo_plan(path)).problems)
  end)

  it("lets others run while it is read", function()
    people(1)
    local client, desired = open(), {}
    for i = 1, 200 do
      desired[i] = phone("+49 40 " .. 100 + i, "home")
    end
    local plan = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = desired } })
    local report = assert(apply(client, plan))
    local breaths = 0
    plan = assert(require "awork.desired.undo".plan(report.journal, function() breaths = breaths + 1 end))
    assert.equal(200, #plan.changes)
    assert.is_true(breaths > 200 * 4)
  end)

  it("says that a line is missing", function()
    people(3)
    local client = open()
    local report = assert(apply(client, assert(client:plan(replaced(3))), { concurrency = 1 }))
    local lines = {}
    for line in io.lines(report.journal) do
      if not line:find '"n":3[,}]' then
        lines[#lines + 1] = line .. "\n"
      end
    end
    write(dir .. "/missing", table.concat(lines))
    local plan = assert(awork.undo_plan(dir .. "/missing"))
    assert.equal(5, #plan.changes)
    assert.matches("missing", plan.problems[1].message, 1, true)
  end)
end)

describe("a plan that is saved", function()
  it("can be loaded, whatever awork holds", function()
    local odd = { 4930123, 0.1 + 0.2, 12345678901234567, true, { 1, 2 }, { a = { b = "c" } }, ("x"):rep(200000), "" }
    people(#odd, function(i)
      return { { type = "phone", subType = "work", value = odd[i] }, { type = "email", subType = "private",
        value = ("u%d@example.org"):format(i) } }
    end)
    local client, desired = open(), {}
    for i = 1, #odd do
      desired[i] = { user = sandbox.user_ids[i], contact_infos = {} }
    end
    local plan = assert(client:plan(desired, { prune = true, only = "phone", keeps = true }))
    assert.equal(#odd, #plan.changes)
    local pieces = {}
    assert(plan:save(function(text) pieces[#pieces + 1] = text end))
    local text = table.concat(pieces)
    -- The order of an object's members is nobody's business.
    local function content(json)
      return cjson.decode(json)
    end
    assert.same(content(plan:to_json()), content(text))
    for size = 1, 4000, 1333 do
      local at = 0
      local loaded = assert(awork.load_plan(function()
        at = at + size
        return text:sub(at - size + 1, at)
      end))
      assert.same(content(text), content(loaded:to_json()))
    end
    -- However it is laid out.
    local loaded = assert(awork.load_plan((text:gsub("\n", ""))))
    assert.same(content(text), content(loaded:to_json()))
    assert(plan:save(dir .. "/odd.json"))
    local file <close> = assert(io.open(dir .. "/odd.json"))
    loaded = assert(awork.load_plan(file))
    local report = assert(apply(client, loaded))
    assert.equal(#odd, report.counts.delete, report:to_text())
    assert.is_nil((plan:save(dir .. "/absent/x")))
    local ok, err = plan:save(function() return nil, "full" end)
    assert.is_nil(ok)
    assert.equal("full", err.description)
    ok, err = awork.load_plan(function() return nil, "broken" end)
    assert.is_nil(ok)
    assert.equal("file", err.kind)
    assert.has_error(function() plan:save(7) end)
    assert.has_error(function() awork.load_plan {} end)
  end)

  it("is saved and loaded in turns with others, if that is asked for", function()
    people(1)
    local client, desired = open(), {}
    for i = 1, 300 do
      desired[i] = phone("+49 40 " .. 100 + i, "home")
    end
    local plan = assert(client:plan { { user = sandbox.user_ids[1], contact_infos = desired } })
    local turns, others = 0, 0
    local function breathe()
      turns = turns + 1
      coroutine.yield()
    end
    local task = client:spawn(function()
      local pieces = {}
      assert(plan:save(function(text) pieces[#pieces + 1] = text end, breathe))
      assert.is_true(turns >= 300)
      turns = 0
      return assert(awork.load_plan(table.concat(pieces), breathe))
    end)
    client:spawn(function()
      while not task:done() do
        others = others + 1
        coroutine.yield()
      end
    end)
    assert(client:loop())
    assert.equal(#plan:to_json(), #task:wait():to_json())
    assert.is_true(turns >= 300 and others >= 600)
    assert.has_error(function() plan:save("x", 7) end, "bad argument #2 to 'save' (function expected, got number)")
    assert.has_error(function() awork.load_plan("x", 7) end,
      "bad argument #2 to 'load_plan' (function expected, got number)")
  end)
end)

describe("one person with many contact infos", function()
  local decide = require "awork.desired.decide"
  local normalise = require "awork.desired.normalise"
  local states = require "awork.desired.state"

  -- How often values are normalised for n creates and n deletes of one person with n contact infos, equal or not.
  local function work(n, value)
    local calls, field_key, group_key = 0, normalise.field_key, normalise.group_key
    finally(function() normalise.field_key, normalise.group_key = field_key, group_key end)
    for _, name in ipairs { "field_key", "group_key" } do
      local fn = normalise[name]
      normalise[name] = function(...)
        calls = calls + 1
        return fn(...)
      end
    end
    local infos = {}
    for i = 1, n do
      infos[i] = phone(value(i), "work", { id = ("%08x-2222-4222-8222-222222222222"):format(i) })
    end
    local state = states.new(infos, nil, function() end)
    for i = 1, n do
      for _, change in ipairs { { op = "create", form = phone("+49 40 " .. i) },
        { op = "delete", id = infos[i].id, before = infos[i] } } do
        local what, record = decide.decide(change, state)
        assert.equal("do", what)
        assert.is_true(decide.twins(change, state, record) >= 0)
        decide.assume(change, state, record)
      end
    end
    normalise.field_key, normalise.group_key = field_key, group_key
    return calls
  end

  it("cost what they are, not all times all", function()
    for _, value in ipairs { function(i) return "+49 30 " .. i end, function() return "+49 30 1" end } do
      local few, many = work(200, value), work(2000, value)
      assert.is_true(many <= 11 * few, ("%d and %d"):format(few, many))
    end
  end)
end)
