--- Makes awork match a plan: looks again at what is about to be touched, notes it in the undo journal, writes.
--
-- Each change is decided on a read that is no older than `max_age` when it is written (decide.lua): it finds out by
-- itself whether it is done already, so the same plan may be applied again after any crash. What is no longer as the
-- plan saw it is stale and stays untouched.
local core = require "awork.core"
local decide = require "awork.desired.decide"
local errors = require "awork.error"
local journal = require "awork.desired.journal"
local locks = require "awork.desired.lock"
local normalise = require "awork.desired.normalise"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local plans = require "awork.desired.plan"
local pool = require "awork.desired.pool"
local reports = require "awork.desired.report"
local reread = require "awork.desired.reread"
local resource = require "awork.resource"
local show = require "awork.desired.show"
local states = require "awork.desired.state"
local workspaces = require "awork.desired.workspace"

local KINDS, FIELDS = owners.KINDS, normalise.FIELDS

local M = {}

-- So many changes that got no answer, one after another, and awork is taken to be out of reach.
local MAX_SILENT = 10

-- So many changes of one person are noted in the journal together.
local CHUNK = 50

-- Seconds that a decision may be old when its request goes out. What its turn takes counts; so much is always granted.
local MAX_AGE, LEAST_WAIT = 5, 1

-- So often is a change decided anew because its turn would have come too late.
local MAX_LATE = 20

-- So many of those whose turn came too late are under way at a time: all at once they would be late again.
local GATE = 4

-- So often is someone read in a row because the answer was old when it came: a server slower than that has its way.
local MAX_LOOKS = 3

local PAGE_SIZE = resource.PAGE_SIZE

-- Backoff between two attempts of a write, with full jitter: random(0, min(BASE * 2^n, CAP)) seconds.
local BACKOFF_BASE, BACKOFF_CAP = 0.5, 8

local HIDDEN = "the owner can't be seen: gone, or out of the token's sight"

local function path_option(v)
  if v == false or type(v) == "string" and v ~= "" then
    return v
  end
  return nil, "a path or false expected"
end

local function concurrency(v)
  if math.type(v) ~= "integer" or v < 1 or v > 1000 then
    return nil, "a whole number from 1 to 1000 expected"
  end
  return v
end

local function recheck(v)
  if v ~= "each" and v ~= "list" then
    return nil, '"each" or "list" expected'
  end
  return v
end

local function seconds(v)
  if type(v) ~= "number" or not (v >= 0 and v < math.huge) then
    return nil, "seconds expected, 0 or more"
  end
  return v
end

local OPTIONS = { partial = "boolean", concurrency = concurrency, journal = path_option, journal_dir = "string",
  on_progress = "function", should_stop = "function", delete_limit = options.count, recheck = recheck,
  max_age = seconds, lock = path_option }

local Run = {}
Run.__index = Run

function Run:stop(err)
  self.stopped = true
  self.report.error = self.report.error or err
end

-- Nothing more can come of going on after such an error.
local function is_fatal(err)
  return err.kind == "closed" or err.kind == "cancelled" or err.kind == "tls" or err.status == 401
    or err.status == 403 or err.code == "token-unavailable" or err.code == "token-invalid"
end

-- Did a write that failed perhaps take effect?
local function is_unknown(err)
  return err.ambiguous == true or err.kind == "network" or err.kind == "timeout" or err.kind == "closed"
    or err.kind == "cancelled" or err.kind == "protocol" or err.kind == "callback"
    or (err.status ~= nil and err.status >= 500)
end

function Run:settle(result, status, more)
  result.status = status
  for key, value in pairs(more or {}) do
    result[key] = value
  end
  self.report:_count(result)
  if status == "failed" then
    local err = result.err
    local silent = err.kind == "network" or err.kind == "timeout"
    self.silent = silent and self.silent + 1 or 0
    if is_fatal(err) or self.silent >= MAX_SILENT then
      self:stop(err)
    end
  elseif status == "done" then
    self.silent = 0
  end
  self:progress()
end

function Run:progress()
  local report = self.report
  if self.opts.on_progress and not self.callback_failed then
    local ok, go_on = pcall(self.opts.on_progress, report.settled, report.total, report.counts)
    if not ok then
      self.callback_failed = errors.raised("callback", "on_progress", go_on)
      self:stop(self.callback_failed)
    elseif go_on == false then
      report.cancelled = true
      self.stopped = true
    end
  end
end

function Run:asked_to_stop()
  if not self.stopped and self.opts.should_stop then
    local ok, stop = pcall(self.opts.should_stop)
    if not ok then
      self.callback_failed = errors.raised("callback", "should_stop", stop)
      self:stop(self.callback_failed)
    elseif stop then
      self.report.cancelled = true
      self.stopped = true
    end
  end
  return self.stopped
end

-- The journal is made when there is something to write into it.
function Run:journal_of()
  if self.opts.journal == false or self.journal then
    return self.journal
  end
  local opened, err = journal.open({ path = self.opts.journal, dir = self.opts.journal_dir },
    { base_url = self.base_url, workspace = self.workspace, user = self.user,
      started_on = os.date "!%Y-%m-%dT%H:%M:%SZ", undo = self.plan.undo })
  if not opened then
    return nil, err
  end
  self.journal, self.report.journal = opened, opened.path
  return opened
end

-- What was there before may be more than today's validator lets through; undo puts it back all the same.
local function send_unchecked(client, change, method, path, call)
  local body = {}
  for _, field in ipairs(FIELDS) do
    local value = change.form[field]
    if value == nil and method == "PUT" then
      value = field ~= "isAddress" and core.null
    end
    body[field] = value
  end
  return client:request(method, path, { body = body, retry = call.retry, start_within = call.start_within })
end

function Run:send(change, target, call)
  local client, kind = self.client, KINDS[change.owner]
  local infos, id = client[kind.contact_infos], target and target.id
  if change.op == "delete" then
    return infos:delete(change.owner_id, id, call)
  elseif self.plan.undo and not core.validate(change.form, change.owner) then
    local path = ("/%s/%s/contactinfo"):format(kind.resource, change.owner_id)
    if change.op == "create" then
      return send_unchecked(client, change, "POST", path, call)
    end
    return send_unchecked(client, change, "PUT", path .. "/" .. id, call)
  elseif change.op == "create" then
    return infos:create(change.owner_id, change.form, call)
  end
  -- What stays as it is may be older than awork's rules of today.
  call.before = target
  return infos:update(change.owner_id, id, change.form, call)
end

local function model_of(info)
  local form = {}
  for _, field in ipairs(FIELDS) do
    local value = info[field]
    if type(value) == normalise.FIELD_TYPES[field] then
      form[field] = value
    end
  end
  return form
end

function Run:note(step, note)
  if step.number then
    -- Without a result line undo looks for itself, so a failure here stops nothing but what comes next.
    local ok, err = self.journal:note(step.number, note)
    if not ok then
      self:stop(err)
    end
  end
end

-- It came about: `made` is the contact info as awork has it now.
function Run:done(step, made)
  local change = step.change
  made = type(made) == "table" and made or {}
  local id = type(made.id) == "string" and core.is_guid(made.id) and made.id or nil
  self:note(step, { status = "done", id = change.op == "create" and id or nil,
    updatedOn = type(made.updatedOn) == "string" and made.updatedOn or nil,
    after = change.op ~= "delete" and made.id ~= nil and model_of(made) or nil })
  self:settle(step.result, "done", { id = made.id or change.id })
end

function Run:not_done(step, status, more)
  self:note(step, { status = "not-done" })
  self:settle(step.result, status, more)
end

-- The contact infos of a person as they are, from what was read; or nil and what to say of each change of theirs.
function Run:state_of(view)
  local reason = view.gone and HIDDEN or owners.reason(view.owner, self.touch, self.api_users)
  if reason then
    return nil, reason
  end
  return states.new(view.infos, self.numbering, self.breathe)
end

-- Decides on one change: true if it is to be made; what is not is settled.
function Run:decide(person, step)
  local change = step.change
  local what, target
  if not person.state then
    what, target = "stale", person.reason
  else
    what, target = decide.decide(change, person.state)
  end
  if what == "already" and step.tried then
    -- What an attempt of ours that got no answer has done.
    self:done(step, target and target.info)
    return false
  elseif what ~= "do" then
    person.whole = person.whole and what ~= "stale"
    self:not_done(step, what, what == "stale" and { reason = target } or { id = target and target.info.id })
    return false
  elseif change.op == "delete" and not person.whole and not self.plan.undo then
    -- Nobody loses a number for one that could not be put in its place.
    self:not_done(step, "withheld", { reason = "an earlier change of the same owner did not come about" })
    return false
  end
  step.target = target
  step.twins = decide.twins(change, person.state, target)
  decide.assume(change, person.state, target)
  return true
end

-- Looks at the person again. nil, err if that failed.
function Run:refresh(person)
  local view, err = self.reader:read(person.item)
  if not view then
    return nil, err
  end
  person.again, person.view = false, view
  person.state, person.reason = self:state_of(view)
  return true
end

-- Looks at the person again, and decides anew on those of the changes from the `from`th on that are not settled.
function Run:look_again(person, steps, from)
  local ok, err = self:refresh(person)
  for i = from, #steps do
    local step = steps[i]
    if step.result.status == "not-run" and ok then
      self:decide(person, step)
    elseif step.result.status == "not-run" then
      self:note(step, { status = step.tried and "unknown" or "not-done" })
      self:settle(step.result, "failed", { err = err })
      person.whole = false
    end
    self.breathe()
  end
end

-- What is to be told of a write that failed.
function Run:failed(person, step, err)
  if err.status ~= 404 then
    self:note(step, { status = (step.tried or is_unknown(err)) and "unknown" or "not-done" })
    return self:settle(step.result, "failed", { err = err })
  end
  -- The contact info is gone, or its owner is, or the token no longer sees them.
  local view, failed = self.reader:read(person.item)
  if not view then
    self:note(step, { status = "not-done" })
    self:settle(step.result, "failed", { err = failed })
  elseif view.gone then
    self:not_done(step, "stale", { reason = HIDDEN })
  elseif step.change.op == "delete" then
    self:not_done(step, "already")
  else
    self:not_done(step, "stale", { reason = "it is gone" })
  end
end

-- One of those whose turn came too late: waits until it is one of a few, and is that until what it returns is closed.
function Run:enter()
  local scheduler, session = self.session.scheduler, self.session
  while self.inside >= GATE and not session.closed do
    scheduler:wait_on(self.gate, 60)
  end
  self.inside = self.inside + 1
  return setmetatable({}, { __close = function()
    self.inside = self.inside - 1
    scheduler:wake(self.gate)
  end })
end

-- Makes one change; deciding on it again whenever that was too long ago. `steps[at]` is it.
function Run:perform(person, steps, at)
  local step, tries, late = steps[at], 0, 0
  local change = step.change
  while true do
    local turn <close> = late > 0 and self:enter() or nil -- luacheck: ignore
    if tries + late > 0 and self:asked_to_stop() then
      return
    end
    local age, looks = self.reader:age(person.view), 0
    while looks == 0 and (person.again or age >= self.max_age)
      or looks < MAX_LOOKS and age >= math.max(self.max_age, LEAST_WAIT) do
      looks = looks + 1
      self:look_again(person, steps, at)
      if step.result.status ~= "not-run" then
        return
      end
      age = self.reader:age(person.view)
    end
    local within = math.max(self.max_age - age, LEAST_WAIT)
    local call = { start_within = within }
    if change.op ~= "create" then
      -- An attempt that is made again is decided on again, too.
      call.retry = 0
    end
    if step.number then
      local now, unsure = self.reader:server_time()
      local ok, err = self.journal:sent(step.number, now, unsure + self.session.timeout + within * (self.retries + 1))
      if not ok then
        return self:stop(err)
      end
    end
    local answer, err = self:send(change, step.target and step.target.info, call)
    if answer then
      return self:done(step, answer)
    end
    person.again = true
    if err.kind == "rate_limit" and not err.ambiguous and late < MAX_LATE then
      late = late + 1 -- it was not sent
    elseif change.op == "create" or not err.retryable or tries >= self.retries
      or self.session.closed or not self.session.engine:take_retry() then
      person.whole = false
      return self:failed(person, step, err)
    else
      step.tried = step.tried or is_unknown(err)
      self.session.scheduler:sleep(self.session.random() * math.min(BACKOFF_BASE * 2 ^ tries, BACKOFF_CAP))
      tries = tries + 1
    end
  end
end

-- Notes and makes a few changes of one person, one after another. False if there is nothing more to do.
function Run:chunk(person, steps)
  if self.opts.journal ~= false then
    local opened, err = self:journal_of()
    local numbers
    if opened then
      numbers, err = opened:intend(steps, (self.reader:server_time()))
    end
    if err then
      return self:stop(err)
    end
    for i, step in ipairs(steps) do
      step.number = numbers[i]
    end
  end
  for i, step in ipairs(steps) do
    if step.result.status == "not-run" then
      if self:asked_to_stop() then
        self:note(step, { status = "not-done" })
      elseif step.change.op == "delete" and not person.whole and not self.plan.undo then
        self:not_done(step, "withheld", { reason = "an earlier change of the same owner failed" })
      else
        self:perform(person, steps, i)
        if step.result.status == "not-run" then
          self:note(step, { status = "not-done" })
        end
      end
    end
  end
end

function Run:fail_all(steps, err)
  for _, step in ipairs(steps) do
    self:settle(step.result, "failed", { err = err })
  end
end

-- All changes of one person.
function Run:person(group)
  if self:asked_to_stop() then
    return
  end
  local person = { item = group.item, whole = true }
  local view, err = self.reader:get(group.item)
  if not view then
    return self:fail_all(group, err)
  end
  person.view = view
  person.state, person.reason = self:state_of(view)
  local at = 1
  while at <= #group do
    local steps = {}
    if person.again then
      local ok, failed = self:refresh(person)
      if not ok then
        return self:fail_all(table.move(group, at, #group, 1, {}), failed)
      end
    end
    while at <= #group and #steps < CHUNK do
      if self:decide(person, group[at]) then
        steps[#steps + 1] = group[at]
      end
      at = at + 1
      self.breathe()
    end
    if #steps > 0 then
      if self:asked_to_stop() then
        return
      end
      self:chunk(person, steps)
    end
    if self.stopped then
      return
    end
  end
end

-- What goes wrong inside a task must not be lost with it: it stops the run, and the report says so.
function Run:guard(fn, ...)
  local ok, cause = pcall(fn, self, ...)
  if not ok then
    self:stop(errors.raised("task-failed", "apply", cause))
  end
end

function Run:run_groups(groups)
  if self.stopped or #groups == 0 then
    return
  end
  local items = {}
  for i, group in ipairs(groups) do
    items[i] = group.item
    self.breathe()
  end
  self.reader:expect(items)
  local err = pool.run(self.client, self.concurrency, groups, function(group)
    self:guard(self.person, group)
  end)
  if err then
    self:stop(err)
  end
end

-- Reads everyone of a kind page by page, and applies what concerns those of a page before the next one is read.
function Run:run_list(kind, groups)
  local waiting = {}
  for _, group in ipairs(groups) do
    waiting[group.item.key] = group
  end
  local batch, page = {}, nil
  -- When a page was asked for is not known here: so all are as old as the first one may be.
  local began = self.session.clock()
  for owner, info in self.client[KINDS[kind].resource]:each { pageSize = PAGE_SIZE } do
    if not owner then
      -- Who was on no page of a list that never stood still is read by itself.
      if info.code == "list-changed" then
        break
      end
      return self:stop(info)
    end
    if page and info.page ~= page then
      self:run_groups(batch)
      batch = {}
    end
    page = info.page
    if self:asked_to_stop() then
      return
    end
    local key = type(owner.id) == "string" and kind .. normalise.lower(owner.id)
    if key and waiting[key] then
      self.reader:offer(key, kind, owner, began)
      batch[#batch + 1] = waiting[key]
      waiting[key] = nil
    end
    self.breathe()
  end
  self:run_groups(batch)
  -- Those that were on no page: archived ones, and whoever moved between the pages meanwhile.
  local rest = {}
  for _, group in ipairs(groups) do
    if waiting[group.item.key] then
      rest[#rest + 1] = group
    end
  end
  self:run_groups(rest)
end

--- Checks the options of apply; raises.
function M.options(opts)
  return options.check(opts, OPTIONS)
end

local function refuse(code, format, ...)
  return nil, errors.new { kind = "plan", code = code, description = format:format(...), retryable = false }
end

-- May this plan be applied at all?
local function check(plan, opts, base_url)
  -- What is wrong with an undo's plan is lost already; that it is not whole shows in the exit code.
  if #plan.problems > 0 and not opts.partial and not plan.undo then
    local first = plan.problems[1]
    local place = show.place(first.source)
    return refuse("problems", "the plan has %d problem%s, the first: %s%s (partial = true applies the rest)",
      #plan.problems, #plan.problems == 1 and "" or "s", first.message, place ~= "" and " in " .. place or "")
  end
  if opts.delete_limit ~= nil then
    plan.options.delete_limit = opts.delete_limit
    plans.tally(plan)
  end
  if plan.summary.over_limit then
    return refuse("delete-limit", "%s", show.over_limit(plan))
  end
  if plan.base_url and base_url and plan.base_url ~= base_url then
    return refuse("other-server", "the plan is for %s, this client talks to %s", plan.base_url, base_url)
  end
  return true
end

-- The changes by owner, in the plan's order: kind → list of groups.
local function group_by_owner(plan, report, breathe)
  local by_kind, known = { user = {}, company = {} }, {}
  for i, change in ipairs(plan.changes) do
    local key = change.owner .. normalise.lower(change.owner_id)
    if not known[key] then
      known[key] = { item = { kind = change.owner, id = change.owner_id, key = key } }
      table.insert(by_kind[change.owner], known[key])
    end
    table.insert(known[key], { change = change, result = report.results[i] })
    breathe()
  end
  return by_kind
end

--- Applies a plan.
--
-- | option | default | meaning |
-- | --- | --- | --- |
-- | `partial` | false | apply a plan that has problems: what concerns the others |
-- | `delete_limit` | the plan's | see the plan's option |
-- | `concurrency` | 8 | people at once; the changes of one are made one after another |
-- | `journal` | a file of its own | path of the undo journal, which must not exist yet; false for none |
-- | `journal_dir` | `$XDG_STATE_HOME/awork` or `~/.local/state/awork` | where a journal without a path goes |
-- | `on_progress` | | called with (settled, total, counts) after each change; returning false stops |
-- | `should_stop` | | asked before each write; true stops: what is under way ends, the report says what was done |
-- | `max_age` | 5 | seconds: what is older when a change is to be written is read, and decided on, again |
-- | `recheck` | many in a request, by a filter | "each": read each person by itself; "list": all, page by page |
-- | `lock` | as journal_dir | directory of the lock that keeps two applies apart; false for none |
--
-- @param client the client
-- @param session what it sends through
-- @param plan from client:plan(), awork.load_plan() or awork.undo_plan()
-- @param opts table or nil
-- @return report (see report.lua); or nil, err when nothing was applied (kind "plan": `problems`, `delete-limit`,
--   `other-server`, `other-workspace`, `no-workspace`, `locked`), or nil, err, report when a callback raised
function M.apply(client, session, plan, opts)
  local function breathe()
    session.scheduler:breathe()
  end
  opts = M.options(opts)
  local ok, err = check(plan, opts, client.base_url)
  if not ok then
    return nil, err
  end
  local report = reports.new(plan, breathe)
  if #plan.changes == 0 then
    report:_finish()
    return report
  end
  local who, lock
  who, err = workspaces.of(client, session)
  if who then
    ok, err = workspaces.check(plan, who)
  end
  if not who or not ok then
    return nil, err
  end
  if opts.lock ~= false then
    lock, err = locks.take(client.base_url, who.workspace, opts.lock)
    if not lock then
      return nil, err
    end
  end
  local held <close> = lock -- luacheck: ignore
  local run = setmetatable({ client = client, session = session, plan = plan, opts = opts, report = report,
    base_url = client.base_url, workspace = who.workspace, user = who.user, retries = session.retries,
    touch = plan.options.touch, numbering = normalise.numbering(plan.options.default_country), breathe = breathe,
    concurrency = opts.concurrency or 8, max_age = opts.max_age or MAX_AGE, silent = 0, stopped = false,
    gate = {}, inside = 0 }, Run)
  if not run.touch.api_user then
    run.api_users, err = owners.api_users(client)
    if not run.api_users then
      return nil, err
    end
  end
  run.reader = reread.new(client, session, run.max_age, opts.recheck == "each")
  local closing <close> = setmetatable({}, { __close = function() -- luacheck: ignore
    if run.journal then
      run.journal:close()
    end
  end })
  local by_kind = group_by_owner(plan, report, breathe)
  for _, kind in ipairs { "user", "company" } do
    if #by_kind[kind] > 0 and not run.stopped then
      if opts.recheck == "list" then
        run:run_list(kind, by_kind[kind])
      else
        run:run_groups(by_kind[kind])
      end
    end
  end
  report:_finish()
  if run.callback_failed then
    return nil, run.callback_failed, report
  end
  return report
end

return M
