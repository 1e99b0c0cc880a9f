-- Plans made and applied over real HTTP, against the sandbox.
local awork = require "awork"
local cjson = require "cjson"
local core = require "awork.core"
local posix = require "awork.posix"
local world = require "desired_world"

local sandbox_module = require "awork.sandbox"

local _, ALL = world.effort(1)

local dir = os.tmpname()
os.remove(dir)
assert(posix.make_dirs(dir))

local sandbox, client

local function open(options)
  options = options or {}
  options.base_url, options.token = options.base_url or sandbox.url, options.token or sandbox.token
  options.rate = options.rate or false
  return assert(awork.client(options))
end

local function writes()
  local list = {}
  for _, request in ipairs(sandbox.requests()) do
    if request.method ~= "GET" then
      list[#list + 1] = request
    end
  end
  return list
end

local function gets()
  return #sandbox.requests() - #writes()
end

local function plan_of(desired, opts)
  return assert(client:plan(desired, opts))
end

local function apply(plan, opts)
  opts = opts or {}
  opts.journal_dir, opts.lock = opts.journal_dir or dir, opts.lock or dir
  -- Requests are counted, however busy the machine is.
  opts.max_age = opts.max_age or 3600
  return assert(client:apply(plan, opts))
end

local function entry(n, ...)
  return { user = sandbox.user_ids[n], contact_infos = { ... } }
end

local function phone(value, subtype, more)
  local info = { type = "phone", subType = subtype or "work", value = value }
  for k, v in pairs(more or {}) do
    info[k] = v
  end
  return info
end

-- What is there, without ids and times, sorted: for comparing states.
local FORM = { "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "state",
  "country" }

local function content()
  local lines = {}
  for _, user in ipairs(sandbox.state().users) do
    for _, info in ipairs(user.userContactInfos or user.contact_infos) do
      local parts = { user.id }
      for _, field in ipairs(FORM) do
        parts[#parts + 1] = tostring(info[field])
      end
      lines[#lines + 1] = table.concat(parts, "|")
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
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

local function seed_users(...)
  sandbox.set { users = { ... }, companies = 1 }
  sandbox.clear_requests()
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
  client = open()
end)

after_each(function()
  client:close()
end)

describe("apply", function()
  it("makes awork match, and leaves nothing to plan", function()
    seed_users({ firstName = "Anna", contact_infos = { phone "+49 30 1", phone("+49 30 2", "home") } },
      { firstName = "Ben" })
    local desired = { entry(1, phone "0049 30 1", phone("+49 30 3", "mobile")), entry(2, phone "+49 30 4") }
    local plan = plan_of(desired, { prune = true, only = { "phone" } })
    assert.equal(0, #writes())
    local report = apply(plan)
    assert.equal("done", report.state)
    assert.equal(0, report:exit_code())
    assert.same({ create = 1, update = 1, delete = 0, already = 0, stale = 0, failed = 0, withheld = 0, not_run = 0 },
      report.counts)
    assert.equal(2, #writes())
    for _, result in ipairs(report.results) do
      assert.equal("done", result.status)
      assert.is_true(core.is_guid(result.id))
    end
    local again = plan_of(desired, { prune = true, only = { "phone" } })
    assert.is_true(again:is_empty())
    assert.equal(3, again.summary.keep)
    sandbox.clear_requests()
    local nothing = apply(again)
    assert.equal("nothing", nothing.state)
    assert.is_nil(nothing.journal)
    assert.equal(0, #sandbox.requests())
  end)

  it("may be done again with the same plan", function()
    seed_users({ contact_infos = { phone "+49 30 1", phone("+49 30 2", "home"), phone("+49 30 3", "fax") } })
    local plan = plan_of({ entry(1, phone("+49 30 9", "mobile"), phone "+49 30 8") }, { prune = true })
    apply(plan)
    local state = content()
    local report = apply(plan)
    assert.equal(3, report.counts.already)
    assert.equal("done", report.state)
    assert.is_nil(report.journal)
    assert.equal(state, content())
  end)

  it("can be saved, loaded, and applied by another client", function()
    seed_users({ firstName = "Anna", contact_infos = { phone "+49 30 1" } })
    local plan = plan_of({ { user = sandbox.user_ids[1], source = { row = 2 }, contact_infos = {
      phone("+49 30 2", "work", { replace = true }) } } })
    assert(plan:save(dir .. "/plan.json"))
    local loaded = assert(awork.load_plan(read(dir .. "/plan.json")))
    assert.same(plan, loaded)
    assert.equal(plan:to_text(), loaded:to_text())
    assert.equal("done", apply(loaded).state)
    local ok, err = plan:save(dir .. "/absent/plan.json")
    assert.is_nil(ok)
    assert.equal("file", err.kind)
  end)

  it("leaves alone what is stale, and says so", function()
    seed_users({ firstName = "Anna", contact_infos = { phone "+49 30 1", phone("+49 30 2", "home"),
      phone("+49 30 3", "fax") } })
    local id = sandbox.user_ids[1]
    local there = assert(client.contact_infos:list(id))
    local home = { type = "address", subType = "home", addressLine1 = "Torstr. 1", zipCode = "10119", city = "Berlin",
      country = "DE", addressLine2 = "Hof A" }
    local plan = plan_of({ entry(1, { id = there[1].id, value = "+49 30 11" },
      { id = there[2].id, value = "+49 30 12" }, { id = there[3].id, absent = true }, phone("+49 30 4", "mobile"),
      home) })
    -- Somebody else is quicker.
    assert(client.contact_infos:update(id, there[1].id, phone "+49 30 99"))
    assert(client.contact_infos:delete(id, there[2].id))
    assert(client.contact_infos:update(id, there[3].id, phone("+49 30 3", "fax")))
    assert(client.contact_infos:create(id, phone("0049 30 4", "mobile")))
    home.addressLine2 = "Hof B"
    assert(client.contact_infos:create(id, home))
    local state = content()
    local report = apply(plan)
    assert.equal(4, report.counts.stale)
    assert.equal(1, report.counts.already)
    assert.equal("incomplete", report.state)
    assert.equal(1, report:exit_code())
    assert.equal(state, content())
    assert.is_nil(report.journal)
    assert.matches("stale  Anna  update", report:to_text(), 1, true)
  end)

  it("sees that somebody is no longer to be touched, or gone", function()
    local plan = plan_of { entry(2, phone "+49 30 2"), entry(3, phone "+49 30 2") }
    assert(client.users:deactivate(sandbox.user_ids[2]))
    assert(client.users:delete(sandbox.user_ids[3]))
    local report = apply(plan)
    assert.equal(2, report.counts.stale)
    assert.equal("deactivated", report.results[1].reason)
    assert.matches("the owner can't be seen", report.results[2].reason, 1, true)
    assert.equal(1, report:exit_code())
  end)

  it("refuses plans with problems and plans beyond their limit", function()
    local infos = {}
    for i = 1, 30 do
      infos[i] = phone("+49 30 " .. 100 + i)
    end
    seed_users({ contact_infos = infos })
    local plan = plan_of({ entry(1), { user = "nobody@example.org", contact_infos = {} } },
      { prune = true, only = { "phone" } })
    local report, err = client:apply(plan)
    assert.is_nil(report)
    assert.equal("plan", err.kind)
    assert.equal("problems", err.code)
    report, err = client:apply(plan, { partial = true })
    assert.is_nil(report)
    assert.equal("delete-limit", err.code)
    assert.matches("delete_limit = 30", tostring(err), 1, true)
    assert.equal(0, #writes())
    report = apply(plan, { partial = true, delete_limit = 30 })
    assert.equal(30, report.counts.delete)
    -- The problem is still there.
    assert.equal(1, report:exit_code())
  end)

  it("refuses a plan for another server", function()
    local plan = plan_of { entry(1, phone "+49 30 1") }
    plan.base_url = "https://api.awork.com/api/v1"
    local report, err = client:apply(plan)
    assert.is_nil(report)
    assert.equal("other-server", err.code)
  end)

  it("withholds deletions from someone whose other changes failed", function()
    seed_users({ contact_infos = { phone "+49 30 1", phone("+49 30 2", "fax") } })
    local plan = plan_of({ entry(1, phone("+49 30 9", "mobile"),
      { type = "email", subType = "private", value = "a@example.org" }) }, { prune = true })
    sandbox.fault { method = "POST", kind = "status", status = 400 }
    local report = apply(plan)
    assert.equal(1, report.counts.failed)
    assert.equal(1, report.counts.withheld)
    assert.equal(1, report.counts.update)
    assert.equal("incomplete", report.state)
    assert.equal(2, #assert(client.contact_infos:list(sandbox.user_ids[1])))
    sandbox.clear_faults()
    assert.equal("done", apply(plan).state)
  end)

  it("stops where nothing more can come of it", function()
    local desired = {}
    for i = 1, 3 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    sandbox.fault { method = "POST", kind = "status", status = 401, times = math.huge }
    local report = apply(plan, { concurrency = 1 })
    assert.equal(1, report.counts.failed)
    assert.equal(2, report.counts.not_run)
    assert.equal(401, report.error.status)
    assert.matches("401", report:to_text(), 1, true)
    assert.is_nil(report:to_text():find("\27", 1, true))
    local printed = ""
    report:print(function(text) printed = printed .. text end, { color = true })
    assert.matches("\27[31mfailed\27[0m", printed, 1, true)
    assert.matches("1 failed, 2 not begun", printed, 1, true)
  end)

  it("stops when awork is out of reach", function()
    sandbox.set { users = 30 }
    local desired = {}
    for i = 1, 30 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    client:close()
    client = open { retries = 0, connect_timeout = 1 }
    sandbox.fault { kind = "reset_before", path = "/users", times = math.huge }
    local report = apply(plan, { concurrency = 1, recheck = "each" })
    assert.equal(10, report.counts.failed)
    assert.equal(20, report.counts.not_run)
    assert.equal("network", report.error.kind)
  end)

  it("reports progress, and stops when it is told to", function()
    sandbox.set { users = 20 }
    local desired = {}
    for i = 1, 20 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    local seen = {}
    local report = apply(plan, { concurrency = 2, on_progress = function(done, total, counts)
      seen[#seen + 1] = done
      assert.equal(20, total)
      assert.equal(done, counts.create)
      return done < 5
    end })
    assert.is_true(report.cancelled)
    assert.is_true(report.counts.create >= 5 and report.counts.create < 8)
    assert.equal(20, report.counts.create + report.counts.not_run)
    assert.equal("incomplete", report.state)
    for i, n in ipairs(seen) do
      assert.equal(i, n)
    end
    assert.matches("Stopped", report:to_text(), 1, true)
    local asked = 0
    report = apply(plan, { concurrency = 1, should_stop = function()
      asked = asked + 1
      return asked > 30
    end })
    assert.is_true(report.cancelled)
    report = apply(plan)
    assert.equal("done", report.state)
    assert.is_true(plan_of(desired):is_empty())
  end)

  it("hands back what a callback raised, with the report so far", function()
    local plan = plan_of { entry(1, phone "+49 30 1"), entry(2, phone "+49 30 1") }
    local report, err, partial = client:apply(plan, { journal_dir = dir, concurrency = 1, on_progress = function()
      error "boom"
    end })
    assert.is_nil(report)
    assert.equal("callback", err.kind)
    assert.matches("boom", tostring(err), 1, true)
    assert.equal(1, partial.counts.create)
    assert.equal(1, partial.counts.not_run)
    report, err = client:apply(plan, { journal_dir = dir, should_stop = function() error {} end })
    assert.is_nil(report)
    assert.equal("callback", err.kind)
  end)

  it("reads again in as few requests as it takes", function()
    sandbox.set { users = 60 }
    local desired = {}
    for i = 1, 60 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    sandbox.clear_requests()
    apply(plan)
    assert.equal(1, gets())
    assert.equal(60, #writes())
    sandbox.reset()
    sandbox.set { users = 60 }
    sandbox.clear_requests()
    apply(plan, { recheck = "each" })
    assert.equal(60, gets())
    plan = plan_of { entry(1, phone "+49 30 2"), entry(2, phone "+49 30 2") }
    sandbox.clear_requests()
    apply(plan)
    assert.equal(1, gets())
    plan = plan_of { entry(1, phone "+49 30 3") }
    sandbox.clear_requests()
    apply(plan)
    assert.equal(1, gets())
  end)

  it("reads a page, applies what concerns it, and finds those that are on no page", function()
    sandbox.set { users = 2500 }
    local desired = {}
    for i = 1, 2500, 25 do
      desired[#desired + 1] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    assert(client.users:set_archived(sandbox.user_ids[1], true))
    sandbox.clear_requests()
    local report = apply(plan, { recheck = "list" })
    assert.equal(99, report.counts.create)
    assert.equal("archived", report.results[1].reason)
    -- Three pages, and the one who was on none of them.
    assert.equal(4, gets())
  end)

  it("works inside a task beside others, and goes with its task", function()
    sandbox.set { users = 40 }
    local desired = {}
    for i = 1, 40 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local ticks, report = 0, nil
    local task = client:spawn(function()
      local plan = assert(client:plan(desired))
      report = apply(plan, { recheck = "each" })
    end)
    client:spawn(function()
      while not task:done() do
        ticks = ticks + 1
        client:sleep(0.001)
      end
    end)
    assert(client:loop())
    assert.equal("done", report.state)
    assert.is_true(ticks > 2)

    sandbox.reset()
    sandbox.set { users = 40 }
    sandbox.clear_requests()
    local begun
    task = client:spawn(function()
      local plan = assert(client:plan(desired))
      apply(plan, { recheck = "each", concurrency = 2, on_progress = function() begun = true end })
    end)
    while not begun do
      client:wait(0.01)
    end
    task:cancel()
    assert(client:loop())
    assert.equal(0, client:stats().tasks)
    assert.equal("cancelled", task:status())
    assert.is_true(#writes() < 40)
  end)

  it("settles a doubtful create once", function()
    local plan = plan_of { entry(1, phone "+49 30 1") }
    sandbox.fault { method = "POST", kind = "reset_after" }
    local report = apply(plan)
    assert.equal("done", report.state)
    assert.equal(1, #assert(client.contact_infos:list(sandbox.user_ids[1])))
  end)

  it("looks among the archived for who is missing, and touches them when asked", function()
    seed_users({ firstName = "Anna", contact_infos = { { type = "email", value = "anna@example.org" } } },
      { firstName = "Ben", isArchived = true, contact_infos = { { type = "email", value = "ben@example.org" } } })
    local desired = { { user = "anna@example.org", contact_infos = { phone "+49 30 1" } },
      { user = "ben@example.org", contact_infos = { phone "+49 30 1" } } }
    local plan = plan_of(desired)
    assert.equal(4, #sandbox.requests()) -- whose token it is, API users, users, archived ones too
    assert.equal(0, #plan.problems)
    assert.equal("archived", plan.skipped[1].reason)
    assert.equal(1, #plan.changes)
    plan = plan_of(desired, { touch = { "archived" } })
    assert.equal(2, #plan.changes)
    local report = apply(plan, { recheck = "list" })
    assert.equal("done", report.results[1].status)
    -- Reached, though on no page; awork has the last word.
    assert.equal("entity-archived", report.results[2].err.code)
  end)

  it("does companies as well", function()
    local desired = { { company = sandbox.company_ids[1], contact_infos = {
      { type = "phone", subType = "central", value = "+49 30 1" },
      { type = "custom", label = "VAT", value = "DE1" } } } }
    local report = apply(plan_of(desired))
    assert.equal(2, report.counts.create)
    assert.is_true(plan_of(desired):is_empty())
    assert.equal("done", assert(client:undo(report.journal, { journal_dir = dir })).state)
    assert.equal(0, #assert(client.company_contact_infos:list(sandbox.company_ids[1])))
  end)

  it("reads contact infos by themselves where they are not embedded", function()
    seed_users({ contact_infos = { phone "+49 30 1" } })
    local id = sandbox.user_ids[1]
    local plan = plan_of({ entry(1, phone("+49 30 2", "home")) }, { prune = true })
    sandbox.fault { method = "GET", path = "/users/[^/]+$", kind = "status", status = 200,
      body = ('{"id":"%s","firstName":"Anna"}'):format(id), content_type = "application/json" }
    assert.equal(1, apply(plan).counts.update)
    sandbox.fault { method = "GET", path = "/users/[^/]+$", kind = "status", status = 200,
      body = ('{"id":"%s","firstName":"Anna"}'):format(id), content_type = "application/json" }
    sandbox.fault { method = "GET", path = "/contactinfo$", kind = "status", status = 400 }
    plan = plan_of { entry(1, phone("+49 30 3", "home")) }
    local report = apply(plan)
    assert.equal(1, report.counts.failed)
    assert.equal(400, report.results[1].err.status)
  end)

  it("takes what is gone by the time it writes as gone", function()
    seed_users({ contact_infos = { phone "+49 30 1", phone("+49 30 2", "home") } })
    local there = assert(client.contact_infos:list(sandbox.user_ids[1]))
    local plan = plan_of { entry(1, { id = there[1].id, value = "+49 30 9" }, { id = there[2].id, absent = true }) }
    sandbox.fault { method = "PUT", kind = "status", status = 404 }
    local report = apply(plan)
    assert.equal(1, report.counts.stale)
    assert.equal(1, report.counts.withheld)
    plan = plan_of { entry(1, { id = there[2].id, absent = true }) }
    sandbox.fault { method = "DELETE", kind = "status", status = 404 }
    report = apply(plan)
    assert.equal(1, report.counts.already)
    assert.is_true(assert(awork.undo_plan(report.journal)):is_empty())
  end)

  it("says what it could not read", function()
    sandbox.set { users = 60 }
    local desired = {}
    for i = 1, 60 do
      desired[i] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    sandbox.fault { method = "GET", kind = "status", status = 400 }
    local report = apply(plan, { recheck = "list" })
    assert.equal(60, report.counts.not_run)
    assert.equal(400, report.error.status)
    sandbox.fault { method = "GET", kind = "status", status = 400 }
    local none, err = client:plan(desired)
    assert.is_nil(none)
    assert.equal(400, err.status)
    sandbox.fault { method = "GET", kind = "status", status = 400, skip = 1 }
    none, err = client:plan { { user = "nobody@example.org", contact_infos = {} } }
    assert.is_nil(none)
    assert.equal(400, err.status)
  end)

  it("ends with a report when the client is closed under it", function()
    sandbox.set { users = 60 }
    local desired = { { company = sandbox.company_ids[1], contact_infos = {
      { type = "phone", subType = "central", value = "+49 30 1" } } } }
    for i = 1, 60 do
      desired[i + 1] = entry(i, phone "+49 30 1")
    end
    local plan = plan_of(desired)
    for _, how in ipairs { "each", "list" } do
      local report = apply(plan, { recheck = how, on_progress = function() client:close() end })
      assert.equal("incomplete", report.state)
      assert.is_true(report.counts.not_run > 40)
      client = open()
    end
    assert.equal("done", apply(plan_of(desired)).state)
  end)

  it("raises for what is no plan and for options that are none", function()
    local plan = plan_of {}
    assert.has_error(function() client:apply {} end)
    assert.has_error(function() client:apply(plan, { prune = true }) end)
    assert.has_error(function() client:apply(plan, { concurrency = 0 }) end)
    assert.has_error(function() client:apply(plan, { journal = true }) end)
    assert.has_error(function() client:apply(plan, { recheck = "never" }) end)
    assert.has_error(function() client:plan(7) end)
    assert.has_error(function() client:plan({}, { purge = true }) end)
    assert.has_error(function() client:undo {} end)
    assert.has_error(function() awork.undo("x", {}) end)
    assert.has_error(function() awork.undo("x") end)
    local _, message = pcall(function() client:plan({}, { purge = true }) end)
    assert.matches("desired_apply_spec.lua:%d+: .*purge", message)
    client:close()
    assert.has_error(function() client:plan {} end)
    assert.has_error(function() client:apply(plan) end)
    assert.has_error(function() client:undo "x" end)
    assert.has_error(function() client:check() end)
  end)

  it("converges over random states", function()
    for seed = 1, world.effort(200) do
      local r = world.random(seed)
      local model = world.server(r)
      world.populate(r, model, r.int(4))
      local desired, opts = world.desired(r, model, seed % 4 == 0), world.options(r)
      -- The sandbox's token is its first user's, who must be active.
      table.insert(model.users, 1, { firstName = "Token", userContactInfos = {} })
      sandbox.set { users = model.users, companies = 0 }
      local plan = plan_of(desired, opts)
      local state = content()
      local report = apply(plan, { partial = true })
      assert.equal(#plan.changes, report.counts.create + report.counts.update + report.counts.delete, "seed " .. seed)
      assert.equal(0, #plan_of(desired, opts).changes, "seed " .. seed)
      if report.journal then
        local undone = assert(client:undo(report.journal, { journal_dir = dir }))
        assert.equal("done", undone.state, "seed " .. seed)
        assert.equal(state, content(), "seed " .. seed)
      end
    end
  end)
end)

describe("the undo journal", function()
  local function three()
    seed_users({ contact_infos = { phone "+49 30 1", phone("+49 30 2", "home"),
      { type = "address", subType = "home", isAddress = true, addressLine1 = "Torstr. 1", zipCode = "10119",
        city = "Berlin", country = "DE" } } })
    return plan_of({ entry(1, phone "+49 30 11", phone("+49 30 12", "home"),
      { type = "email", subType = "private", value = "a@example.org" }) }, { prune = true })
  end

  it("is private, and complete before a request goes out", function()
    local plan = three()
    local path = dir .. "/journal-1"
    client:close()
    client = open { retries = 0 }
    -- Each write fails before it has an effect: what the journal says then, it said before.
    sandbox.fault { method = "PUT", kind = "status", status = 400, times = math.huge }
    sandbox.fault { method = "POST", kind = "status", status = 400, times = math.huge }
    apply(plan, { journal = path })
    local lines = {}
    for line in io.lines(path) do
      lines[#lines + 1] = cjson.decode(line)
    end
    assert.equal("journal", lines[1].awork)
    assert.equal("update", lines[2].intent.op)
    assert.equal("+49 30 1", lines[2].intent.before.value)
    assert.equal("+49 30 11", lines[2].intent.form.value)
    local pipe = io.popen("stat -c %a '" .. path .. "'")
    assert.equal("600", pipe:read "l")
    pipe:close()
    -- Nothing happened, so there is nothing to undo.
    assert.is_true(assert(awork.undo_plan(path)):is_empty())
    assert.matches("Nothing to undo", assert(awork.undo_plan(path)):to_text(), 1, true)
  end)

  it("is not begun without a word when the tasks that apply end before their time", function()
    local plan, spawn = three(), client.spawn
    finally(function() client.spawn = nil end)
    client.spawn = function(self)
      return spawn(self, function() error("not enough memory", 0) end)
    end
    local report = assert(client:apply(plan, { journal = dir .. "/journal-none" }))
    assert.equal("incomplete", report.state)
    assert.equal(#plan.changes, report.counts.not_run)
    assert.matches("not enough memory", report:to_text(), 1, true)
  end)

  it("begins with its first line or not at all", function()
    local plan, path, journal_open = three(), dir .. "/journal-begun", posix.journal_open
    finally(function() posix.journal_open = journal_open end)
    for _, broken in ipairs { "write", "sync" } do
      posix.journal_open = function(name)
        local file = assert(journal_open(name))
        local wrapped = {}
        for _, method in ipairs { "write", "sync", "close" } do
          wrapped[method] = function(_, ...)
            if method == broken then return nil, "No space left on device" end
            return file[method](file, ...)
          end
        end
        return wrapped
      end
      local report = assert(client:apply(plan, { journal = path }))
      assert.equal("file", report.error.kind)
      assert.equal(0, report.settled)
      assert.is_nil(io.open(path))
    end
    posix.journal_open = journal_open
    assert.equal("done", apply(plan, { journal = path }).state)
  end)

  it("puts everything back, and the putting back too", function()
    local plan = three()
    local before = content()
    local report = apply(plan)
    local after = content()
    assert.is_true(before ~= after)
    local preview = assert(awork.undo_plan(report.journal))
    assert.equal(#plan.changes, #preview.changes)
    assert.same(preview, assert(awork.load_plan(preview:to_json())))
    local undone = assert(awork.undo(report.journal, client, { journal_dir = dir }))
    assert.equal("done", undone.state)
    assert.equal(before, content())
    assert.matches("Undone", undone:to_text(), 1, true)
    -- Again: it is undone already.
    assert.equal(#plan.changes, assert(client:undo(report.journal, { journal_dir = dir })).counts.already)
    assert.equal("done", assert(client:undo(undone.journal, { journal_dir = dir })).state)
    assert.equal(after, content())
  end)

  it("leaves alone what has been changed since", function()
    local report = apply(three())
    local id = sandbox.user_ids[1]
    for _, info in ipairs(assert(client.contact_infos:list(id))) do
      -- Put as it is: the time alone is another.
      assert(client.contact_infos:patch(id, info.id, {}))
    end
    local undone = assert(client:undo(report.journal, { journal_dir = dir }))
    assert.is_true(undone.counts.stale > 0)
    assert.equal(0, undone.counts.update + undone.counts.delete)
    assert.equal("incomplete", undone.state)
  end)

  it("looks for itself where the outcome is not known", function()
    local plan = three()
    local before = content()
    local report = apply(plan)
    -- As after a crash: intents, no results, and a line cut off.
    local lines = {}
    for line in io.lines(report.journal) do
      if not line:find('"result"', 1, true) then
        lines[#lines + 1] = line
      end
    end
    local path = dir .. "/journal-crash"
    write(path, table.concat(lines, "\n") .. '\n{"n":99,"int')
    assert.equal("done", assert(client:undo(path, { journal_dir = dir })).state)
    assert.equal(before, content())
    -- The same when none of it had been sent.
    assert.equal(#plan.changes, assert(client:undo(path, { journal_dir = dir })).counts.already)
    assert.equal(before, content())
  end)

  it("says of a create that may be one of several that it is stale", function()
    seed_users({})
    local report = apply(plan_of { entry(1, phone "+49 30 1") })
    local text = read(report.journal):gsub("[^\n]*\"result\"[^\n]*\n", "")
    write(dir .. "/journal-twin", text)
    assert(client.contact_infos:create(sandbox.user_ids[1], phone "+49 30 1"))
    local undone = assert(client:undo(dir .. "/journal-twin", { journal_dir = dir }))
    assert.equal(1, undone.counts.stale)
  end)

  it("puts back what today's validator would not let through", function()
    seed_users({ contact_infos = { { type = "phone", subType = "Telefon", value = "+49 30 1" },
      { type = "Fax", value = "2" } } })
    local before = content()
    local there = assert(client.contact_infos:list(sandbox.user_ids[1]))
    local report = apply(plan_of { entry(1, { id = there[1].id, subType = "work" },
      { id = there[2].id, absent = true }) })
    assert.equal(2, report.counts.update + report.counts.delete)
    -- The sandbox is as strict as awork, so only what is sent can be looked at.
    sandbox.clear_requests()
    client:undo(report.journal, { journal_dir = dir })
    local sent = {}
    for _, request in ipairs(writes()) do
      sent[#sent + 1] = request.method .. " " .. tostring(cjson.decode(request.body).type)
    end
    table.sort(sent)
    assert.same({ "POST Fax", "PUT phone" }, sent)
    assert.is_true(before ~= nil)
  end)

  it("is needed: what can't be noted is not done", function()
    local plan = plan_of { entry(1, phone "+49 30 1") }
    sandbox.clear_requests()
    local report = apply(plan, { journal = dir .. "/absent/journal" })
    assert.equal("incomplete", report.state)
    assert.equal("file", report.error.kind)
    assert.equal(0, #writes())
    write(dir .. "/taken", "mine")
    report = apply(plan, { journal = dir .. "/taken" })
    assert.equal("file", report.error.kind)
    assert.equal("mine", read(dir .. "/taken"))
    assert.equal(0, #writes())
    report = apply(plan, { journal = false })
    assert.equal("done", report.state)
    assert.is_nil(report.journal)
  end)

  it("goes where the state of programs goes, unless told otherwise #process", function()
    local function script() return ([[
      local awork = require "awork"
      local client = assert(awork.client { base_url = %q, token = %q })
      local plan = assert(client:plan { { user = %q, contact_infos = { { type = "phone", value = "+49 30 1" } } } })
      io.write(assert(client:apply(plan)).journal)
    ]]):format(sandbox.url, sandbox.token, sandbox.user_ids[1]) end
    local function run(environment)
      sandbox.set { users = 3 }
      write(dir .. "/script.lua", script())
      local pipe = io.popen(("cd '%s' && LUA_PATH='%s' LUA_CPATH='%s' %s lua5.4 script.lua 2>&1"):format(dir,
        package.path:gsub("lua/%?", os.getenv "PWD" .. "/lua/?"):gsub("%f[^;\0]%./", os.getenv "PWD" .. "/"),
        package.cpath:gsub("build/%?", os.getenv "PWD" .. "/build/?"), environment))
      local out = pipe:read "a"
      pipe:close()
      return out
    end
    assert.matches("^" .. dir:gsub("%p", "%%%0") .. "/state/awork/undo%-%d+T%d+Z%-%x+%.jsonl$",
      run("XDG_STATE_HOME='" .. dir .. "/state'"))
    assert.matches("/home/.local/state/awork/undo-", run("XDG_STATE_HOME= HOME='" .. dir .. "/home'"), 1, true)
    local known = posix.home()
    write(dir .. "/script.lua", 'io.write(require "awork.desired.lock".state_dir())')
    script = function() return 'io.write(require "awork.desired.lock".state_dir())' end
    assert.equal(known and known .. "/.local/state/awork" or ".", run "XDG_STATE_HOME= HOME=")
  end)

  it("from anywhere is an error at most", function()
    local report = apply(plan_of { entry(1, phone "+49 30 1"), entry(2, phone "+49 30 2") })
    local text = read(report.journal)
    local path = dir .. "/journal-fuzz"
    local r = world.random(7)
    local loaded = 0
    for _ = 1, world.effort(2000) do
      local mutant = text
      for _ = 1, r.int(3) do
        local at = r.int(#mutant)
        local what = r.int(3)
        if what == 1 then
          mutant = mutant:sub(1, at - 1) .. string.char(r.int(256) - 1) .. mutant:sub(at + 1)
        elseif what == 2 then
          mutant = mutant:sub(1, at - 1) .. mutant:sub(at + r.int(20))
        else
          mutant = mutant:sub(1, at)
        end
        mutant = mutant == "" and "x" or mutant
      end
      write(path, mutant)
      local plan, err = awork.undo_plan(path)
      assert.is_true(plan ~= nil or err.kind == "file")
      loaded = loaded + (plan and 1 or 0)
      if plan then
        plan:to_text()
      end
    end
    assert.is_true(loaded > 10 and loaded < 1990 or not ALL)
    for _, wrong in ipairs { "", "{}", "[]\n", "null\n", "1\n", '{"awork":"journal","version":2}\n', "\0\0\0" } do
      write(path, wrong)
      local plan, err = awork.undo_plan(path)
      assert.is_nil(plan)
      assert.equal("file", err.kind)
    end
    local plan, err = awork.undo_plan(dir)
    assert.is_nil(plan)
    assert.equal("file", err.kind)
    plan, err = client:undo(dir .. "/absent")
    assert.is_nil(plan)
    assert.equal("file", err.kind)
  end)
end)

describe("a loaded plan", function()
  it("from anywhere is an error at most", function()
    seed_users({ firstName = "Anna", contact_infos = { phone "+49 30 1", phone("+49 30 2", "home") } })
    local text = plan_of({ entry(1, phone "+49 30 3"), { user = "x", contact_infos = {} } }, { prune = true }):to_json()
    local r = world.random(11)
    local loaded = 0
    for _ = 1, world.effort(3000) do
      local at = r.int(#text)
      local mutant = text:sub(1, at - 1) .. (r.chance(50) and string.char(r.int(256) - 1) or "")
        .. text:sub(at + r.int(3) - 1)
      local plan, err = awork.load_plan(mutant)
      assert.is_true(plan ~= nil or err.kind == "plan")
      if plan then
        loaded = loaded + 1
        plan:to_text()
        plan:to_json()
        plan:exit_code()
      end
    end
    assert.is_true(loaded > 100 and loaded < 2900 or not ALL)
  end)

  it("must be one, and of this version", function()
    for _, text in ipairs { "", "x", "1", "[]", "{}", "null", '{"format":"awork-plan"}',
      '{"format":"awork-plan","version":1}', ("["):rep(100000) } do
      local plan, err = awork.load_plan(text)
      assert.is_nil(plan)
      assert.equal("plan", err.kind)
    end
    local _, err = awork.load_plan '{"format":"awork-plan","version":1}'
    assert.equal("plan-version", err.code)
    assert.has_error(function() awork.load_plan(nil) end)
  end)

  it("is held to what a plan may say", function()
    seed_users({ contact_infos = { phone "+49 30 1" } })
    local plan = plan_of { entry(1, phone("+49 30 2", "work", { replace = true })) }
    local function refused(change)
      local data = cjson.decode(plan:to_json())
      change(data, data.changes[1])
      local loaded, err = awork.load_plan(cjson.encode(data))
      assert.is_nil(loaded)
      assert.equal("invalid-plan", err.code)
    end
    refused(function(_, c) c.op = "drop" end)
    refused(function(_, c) c.owner = "workspace" end)
    refused(function(_, c) c.owner_id = "../me" end)
    refused(function(_, c) c.id = "x" end)
    refused(function(_, c) c.id = nil end)
    refused(function(_, c) c.before = nil end)
    refused(function(_, c) c.form.zip = "1" end)
    refused(function(_, c) c.form.value = 7 end)
    refused(function(_, c) c.form.subType = "wrok" end)
    refused(function(_, c) c.why = "undo" end)
    refused(function(_, c) c.op, c.by_content, c.id = "delete", true, nil end)
    refused(function(_, c) c.fields = { "zip" } end)
    refused(function(_, c) c.updatedOn = 7 end)
    refused(function(_, c) c.name = {} end)
    refused(function(data) data.options.purge = true end)
    refused(function(data) data.options = 7 end)
    refused(function(data) data.summary.keep = -1 end)
    refused(function(data) data.summary = nil end)
    refused(function(data) data.changes = { x = 1 } end)
    refused(function(data) data.problems = { {} } end)
    refused(function(data) data.undo = "yes" end)
    -- What can be read can be written again: numbers keep their digits.
    for _, item in ipairs { '"message":9007199254740993', '"source":{"row":0.1234567890123456}' } do
      local text = plan:to_json():gsub('"warnings":%[', '%0{' .. item .. "}")
      local loaded = assert(awork.load_plan(text))
      assert.is_truthy(loaded:to_json():find(item, 1, true))
    end
    -- The limit is held whatever the sums say.
    local data = cjson.decode(plan:to_json())
    data.summary.replace, data.options.delete_limit = 0, 0
    local loaded = assert(awork.load_plan(cjson.encode(data)))
    assert.is_true(loaded.summary.over_limit)
  end)
end)

describe("plans and reports as text", function()
  it("are a diff that steers no terminal", function()
    seed_users({ firstName = "An\27[31mna", lastName = "Berg", contact_infos = { phone "+49 30 1",
      phone("+49 30 2", "home"), phone("+49 30 3", "fax"), { type = "address", subType = "home", isAddress = true,
      addressLine1 = "Torstr. 1", zipCode = "10119", city = "Berlin", country = "DE" } } })
    local there = assert(client.contact_infos:list(sandbox.user_ids[1]))
    local plan = plan_of({ entry(1, { id = there[1].id, value = "+49 30 11" }, { id = there[2].id, subType = "mobile" },
      { id = there[4].id, state = "Berlin" }, phone("+49 30 9\u{9b}2J", "other"),
      { type = "urls", subType = "work", value = "https://example.org" }) }, { prune = true })
    local text = plan:to_text()
    assert.is_nil(text:find "[\27\x9b]")
    for _, line in ipairs {
      "An\\x1B[31mna Berg  " .. sandbox.user_ids[1],
      "  ~ phone/work        +49 30 1 -> +49 30 11",
      "  ~ phone/mobile      +49 30 2 (was phone/home)",
      "  ~ address/home      Torstr. 1, 10119 Berlin, DE -> Torstr. 1, 10119 Berlin, Berlin, DE",
      "  + urls/work         https://example.org",
      "1 to add, 4 to change, 0 to delete, for 1 person",
    } do
      assert.is_truthy(text:find(line, 1, true), line .. "\nin\n" .. text)
    end
    local colored = {}
    plan:print(function(part) colored[#colored + 1] = part end, { color = true })
    assert.matches("\27[32m  + urls/work", table.concat(colored), 1, true)
    local file = assert(io.tmpfile())
    plan:print(file)
    file:seek "set"
    assert.equal(text, file:read "a")
    file:close()
  end)
end)

describe("find", function()
  local function ids(criteria, resource)
    local list = {}
    for i, hit in ipairs(assert((resource or client.contact_infos):find(criteria))) do
      list[i] = (hit.user or hit.company).firstName or hit.company.name
    end
    return table.concat(list, " ")
  end

  before_each(function()
    sandbox.set { users = {
      { firstName = "Anna", contact_infos = { phone "0049 30 123", { type = "phone", subType = "home" } } },
      { firstName = "Ben", contact_infos = { phone "030/123", { type = "email", value = "Ben@EXAMPLE.org" } } },
      { firstName = "Cleo", contact_infos = { phone("+49 30 124", "home"), { type = "urls", value = "https://X.org/" },
        { type = "address", isAddress = true, addressLine1 = "Torstr. 1", zipCode = "10119", city = "Berlin" } } },
    }, companies = { { name = "Acme", contact_infos = {
      { type = "phone", subType = "central", value = "+4930123" } } } } }
  end)

  it("compares as people do", function()
    assert.equal("Anna", ids { phone = "+49 (0)30 123" })
    assert.equal("Anna Ben", ids { phone = "+49 (0)30 123", default_country = "DE" })
    assert.equal("Ben", ids { email = "Ben@example.org" })
    assert.equal("Ben", ids { email = "BEN@Example.org" })
    assert.equal("Ben", ids { value = "ben@example.org" })
    assert.equal("", ids { email = "bern@example.org" })
    assert.equal("Cleo", ids { value = "HTTPS://x.org" })
    assert.equal("Cleo", ids { value = "Torstr. 1" })
    assert.equal("Anna", ids { value = "+4930123" })
    assert.equal("Cleo", ids { type = "phone", subType = "home", value = "+49 30 124" })
    assert.equal("Anna Ben Cleo", ids { type = "phone", subType = "home" }:gsub("Anna Cleo", "Anna Ben Cleo"))
    assert.equal("", ids { phone = "+49 30 123", type = "email" })
    assert.equal("Anna", ids { type = "phone", limit = 1 })
    assert.equal("Acme", ids({ phone = "0049 30 123" }, client.company_contact_infos))
  end)

  it("takes one request for a thousand people", function()
    sandbox.set { users = 2001, contact_infos_per_user = 1 }
    sandbox.clear_requests()
    assert(client.contact_infos:find { phone = "110" })
    assert.equal(3, #sandbox.requests())
  end)

  it("says what fails, and raises for what it is not asked", function()
    sandbox.fault { kind = "status", status = 400 }
    local found, err = client.contact_infos:find { phone = "110" }
    assert.is_nil(found)
    assert.equal(400, err.status)
    for _, criteria in ipairs { {}, { limit = 1 }, { mail = "x" }, { phone = 7 }, 7, { phone = "1",
      default_country = "x" } } do
      assert.has_error(function() client.contact_infos:find(criteria) end)
    end
    assert.has_error(function() client.contact_infos:find() end)
  end)
end)

describe("ensure", function()
  it("gives what is there, or makes it", function()
    local id = sandbox.user_ids[1]
    local made, how = client.contact_infos:ensure(id, phone "+49 30 123")
    assert.equal("created", how)
    local same
    same, how = client.contact_infos:ensure(id, phone "030/123", { default_country = "DE" })
    assert.equal("existing", how)
    assert.equal(made.id, same.id)
    same, how = client.contact_infos:ensure(id, { type = "phone", value = "0049 30 123" })
    assert.equal("existing", how)
    assert.equal(made.id, same.id)
    same, how = client.contact_infos:ensure(id, phone("+49 30 123", "home"))
    assert.equal("created", how)
    assert.is_true(made.id ~= same.id)
    local home = { type = "address", subType = "home", addressLine1 = "Torstr. 1", addressLine2 = "Hof A",
      zipCode = "10119", city = "Berlin", country = "DE" }
    assert.equal("created", select(2, client.contact_infos:ensure(id, home)))
    assert.equal("existing", select(2, client.contact_infos:ensure(id, home)))
    home.addressLine2 = "Hof B"
    assert.equal("created", select(2, client.contact_infos:ensure(id, home)))
    assert.equal("existing", select(2, client.contact_infos:ensure(id, home)))
    made, how = client.company_contact_infos:ensure(sandbox.company_ids[1],
      { type = "phone", subType = "central", value = "+49 30 1" })
    assert.is_table(made)
    assert.equal("created", how)
  end)

  it("says what is wrong", function()
    local info, err = client.contact_infos:ensure(sandbox.user_ids[1], { type = "fone" })
    assert.is_nil(info)
    assert.equal("validation", err.kind)
    assert.is_table(err.violations)
    info, err = client.contact_infos:ensure("71bb54d8-c34d-4bff-b826-000000000000", phone "+49 30 1")
    assert.is_nil(info)
    assert.equal(404, err.status)
    info, err = client.contact_infos:ensure("x", phone "+49 30 1")
    assert.is_nil(info)
    assert.equal("validation", err.kind)
    assert.has_error(function() client.contact_infos:ensure(7, {}) end)
    assert.has_error(function() client.contact_infos:ensure("x", 7) end)
    assert.has_error(function() client.contact_infos:ensure("x", {}, { country = "DE" }) end)
  end)
end)

describe("what awork stored before its rules", function()
  it("is planned, saved, applied and undone like anything else", function()
    seed_users({ contact_infos = { { type = "phone", subType = "Work", value = "+49 30 1" },
      { type = "social", subType = "mastodon", value = "@ada" }, { type = "phone", subType = "home", value = 4930123 },
      { type = "address", subType = "home", addressLine1 = "Weg 1", city = "Bonn", isAddress = true } } })
    local before = sandbox.contact_infos(sandbox.user_ids[1])
    local desired = {}
    for i, info in ipairs(before) do desired[i] = { id = info.id, label = "Desk" } end
    local plan = plan_of { { user = sandbox.user_ids[1], contact_infos = desired } }
    assert.same({ {}, 4 }, { plan.problems, #plan.changes })
    local report = assert(client:apply(assert(awork.load_plan(plan:to_json()))))
    assert.same({ "done", 4 }, { report.state, report.counts.update })
    for i, info in ipairs(sandbox.contact_infos(sandbox.user_ids[1])) do
      assert.equal("Desk", info.label)
      assert.equal(before[i].subType, info.subType)
      assert.equal(before[i].value and tostring(before[i].value), info.value)
    end
    -- All but the number: what is no text can't be put back, and undo says so.
    assert.equal(1, assert(client:undo(report.journal)):exit_code())
    for _, info in ipairs(sandbox.contact_infos(sandbox.user_ids[1])) do
      assert.equal(info.value == "4930123" and "Desk" or nil, info.label)
    end
  end)
end)

describe("API users", function()
  local key

  before_each(function()
    sandbox.set { tokens = { { token = "key", name = "Robot" }, { token = "blind", user = 1,
      rights = { "user-master-data:read", "user-master-data:write" } } } }
    key = sandbox.api_user_ids[#sandbox.api_user_ids] or sandbox.state().api_users[1].id
    assert(client.contact_infos:create(key, { type = "email", subType = "work", value = "robot@example.com" }))
  end)

  it("are told apart, never matched, found or touched, unless asked for", function()
    local entries = { { user = "robot@example.com", contact_infos = {
      { type = "phone", subType = "work", value = "1" } } } }
    local plan = assert(client:plan(entries))
    assert.equal(0, #plan.changes)
    assert.is_true(#plan.problems + #plan.skipped > 0)
    assert.equal(0, #assert(client:plan({ { user = key, contact_infos = {} } }, { prune = true })).changes)
    assert.equal(1, #assert(client:plan(entries, { touch = "api_user" })).changes)
    assert.equal(0, #assert(client.contact_infos:find { email = "robot@example.com" }))
    assert.equal(1, #assert(client.contact_infos:find { email = "robot@example.com", api_users = true }))
    local ids = {}
    for _, user in ipairs(assert(client.users:api_users())) do ids[user.id] = user.name end
    assert.is_string(ids[key])
  end)

  it("are not asked for where the token may not", function()
    local blind <close> = open { token = "blind" }
    assert.equal(401, select(2, blind.users:api_users()).status)
    assert.equal(1, #assert(blind.contact_infos:find { email = "robot@example.com" }))
    sandbox.fault { method = "GET", path = "/apiusers$", kind = "status", status = 500, times = 99 }
    local fast <close> = open { retries = 0 }
    assert.equal(500, select(2, fast.contact_infos:find { email = "robot@example.com" }).status)
    assert.equal(500, select(2, fast:plan { { user = key, contact_infos = {} } }).status)
  end)
end)

describe("check", function()
  it("says who one is and what one may", function()
    sandbox.set { rate_limit = { second = 50, minute = 1000 } }
    local report = assert(client:check())
    assert.is_true(report.ok)
    assert.same({ "others", 3, "all", "all" }, { report.sees, report.users, report.read, report.write })
    assert.same({ read = "all", write = "all" }, report.companies)
    assert.same({ true, false, false, false, false },
      { report.admin, report.guest, report.blocked, report.api_user, report.by_team })
    assert.equal(sandbox.me_id, report.user.id)
    assert.is_string(report.workspace.id)
    assert.equal(1000, report.rate_limit.minute.limit)
    assert.is_true(report.rate_limit.minute.remaining < 1000)
    assert.same({}, report.advice)
    assert.equal(4, #sandbox.requests())
    for _, request in ipairs(sandbox.requests()) do
      assert.equal("GET", request.method)
    end
  end)

  it("never claims that everyone is seen", function()
    sandbox.set { tokens = {
      { token = "own", user = 2 }, { token = "blocked", user = 2, blocked = true }, { token = "key" },
      { token = "guest", user = 2, guest = true, rights = { "user-master-data:read" } },
      { token = "reader", user = 2, rights = { "user-master-data:read", "company-master-data:read" } },
      { token = "writer", user = 2, rights = { "user-master-data:read", "user-master-data:write" } },
    } }
    for token, expected in pairs {
      own = { false, "self", "own", "own", "none", nil, "only your own contact infos can be read" },
      reader = { false, "others", "all", "own", "all", nil, "need not be all" },
      writer = { true, "others", "all", "all", "none", nil, "a role can narrow the list" },
      guest = { false, "others", "all", "own", "none", nil, "need not be all" },
      blocked = { false, "nobody", "none", "none", "none", nil, "the user is blocked" },
      key = { true, "others", "all", "all", "all", true, "" },
    } do
      local other <close> = open { token = token }
      local report = assert(other:check())
      assert.same(expected, { report.ok, report.sees, report.read, report.write, report.companies.read, report.api_user,
        report.advice[1] and report.advice[1]:match(expected[7]) or "" }, token)
      assert.is_nil(table.concat(report.advice):find("everyone", 1, true))
      assert.equal(token == "guest", report.guest)
      assert.equal(token == "blocked", report.blocked)
    end
  end)

  it("is an error when awork can't be asked", function()
    for _, path in ipairs { "/me$", "/me/permissions$", "/users$", "/apiusers$" } do
      sandbox.clear_faults()
      sandbox.fault { method = "GET", path = path, kind = "status", status = 400 }
      local none, err = client:check()
      assert.is_nil(none)
      assert.equal(400, err.status)
    end
    sandbox.clear_faults()
    sandbox.fault { method = "GET", path = "/me/permissions$", kind = "status", status = 200, body = {} }
    local none, err = client:permissions()
    assert.is_nil(none)
    assert.equal("unexpected-answer", err.code)
  end)

  it("reads features whole or by their initials, and as the old description has them", function()
    local permissions = require "awork.permissions"
    local function of(fields)
      fields.userId = fields.userId or "11111111-1111-4111-8111-111111111111"
      return permissions.of { userPermission = fields }
    end
    local full = of { permissions = { { feature = "umd", accessLevels = { "read", "write" } },
      { feature = "company-master-data", accessLevels = { "read" } }, { feature = "utd", accessLevels = { "read" } },
      { feature = 7 }, "x", { feature = "x", accessLevels = 7 } } }
    assert.same({ "all", "all", "all", "none", true },
      { full.users.read, full.users.write, full.companies.read, full.companies.write, full.by_team })
    assert.same({ "own", "none" }, { of({}).users.read, of({}).companies.read })
    assert.equal("none", of({ isAdmin = true, isBlocked = true }).users.read)
    assert.equal("own", permissions.of({ userId = "11111111-1111-4111-8111-111111111111" }).users.read)
    assert.is_nil(permissions.of { userPermission = { userId = "me" } })
    assert.is_nil(permissions.of {})
  end)

  it("warns of an exhausted limit", function()
    sandbox.set { rate_limit = { second = 50, minute = 90 } }
    assert.matches("requests are left", assert(client:check()).advice[1], 1, true)
  end)

  it("is an error for a token that is none, and when nobody answers", function()
    local wrong = open { token = "wrong" }
    local report, err = wrong:check()
    assert.is_nil(report)
    assert.equal(401, err.status)
    wrong:close()
    local closed = open { base_url = "http://127.0.0.1:1/api/v1", retries = 0 }
    report, err = closed:check()
    assert.is_nil(report)
    assert.equal("network", err.kind)
    closed:close()
  end)
end)
