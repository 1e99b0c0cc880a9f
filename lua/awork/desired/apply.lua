--- Makes awork match a plan: looks again at what is about to be touched, notes it in the undo journal, writes.
--
-- Each change finds out by itself whether it is done already, so the same plan may be applied again after any crash:
-- a create that finds its equal, an update that finds its outcome and a delete that finds nothing are done. What is no
-- longer as the plan saw it is stale and stays untouched.
local core = require "awork.core"
local errors = require "awork.error"
local journal = require "awork.desired.journal"
local normalise = require "awork.desired.normalise"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local plans = require "awork.desired.plan"
local pool = require "awork.desired.pool"
local reconcile = require "awork.desired.reconcile"
local reports = require "awork.desired.report"
local show = require "awork.desired.show"

local KINDS, FIELDS = owners.KINDS, normalise.FIELDS

local M = {}

-- So many changes that got no answer, one after another, and awork is taken to be out of reach.
local MAX_SILENT = 10

-- Reading everyone a page at a time pays when more than this many people of each page are to be read.
local PAGE_WORTH = 25

local PAGE_SIZE = 1000

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

local OPTIONS = { partial = "boolean", concurrency = concurrency, journal = path_option, journal_dir = "string",
  on_progress = "function", should_stop = "function", delete_limit = options.count, recheck = recheck }

-- "2026-08-01T09:30:00.1200000Z" and "…00.12+00:00" are one time.
local function time_key(text)
  if type(text) ~= "string" then
    return nil
  end
  return (text:gsub("%+00:00$", "Z"):gsub("(%.%d-)0+Z$", "%1Z"):gsub("%.Z$", "Z"))
end

local function plain(value)
  if value == nil or value == "" or value == false then
    return nil
  end
  return value
end

-- Are all fields of the form the same, to the letter? Empty, absent and (of isAddress) false are one.
local function same_form(a, b)
  for _, field in ipairs(FIELDS) do
    if plain(a[field]) ~= plain(b[field]) then
      return false
    end
  end
  return true
end

local function as_seen(change, info)
  return same_form(change.before, info)
    and (change.updatedOn == nil or time_key(change.updatedOn) == time_key(info.updatedOn))
end

local function find(infos, id)
  for i, info in ipairs(infos) do
    if type(info.id) == "string" and normalise.lower(info.id) == normalise.lower(id) then
      return i, info
    end
  end
  return nil
end

-- The infos under the form's key: those that are equal in all that the form states, and one that is not, if any.
local function like(form, infos, numbering)
  local key, subtype = normalise.group_key(form, numbering), form.subType
  local equal, other = {}, nil
  for _, info in ipairs(infos) do
    if normalise.group_key(info, numbering) == key
      and (subtype == nil or normalise.fold(subtype) == normalise.fold(info.subType)) then
      local same = true
      for field, value in pairs(form) do
        same = same and (field == "isAddress" and info.isAddress == nil
          or normalise.same_field(field, value, info[field], form.type, numbering))
      end
      if same then
        equal[#equal + 1] = info
      else
        other = info
      end
    end
  end
  return equal, other
end

-- How many equal ones there were beside it when a change was made: undo must tell it from its twins.
local function twins(change, infos, target, numbering)
  local count = 0
  for _, info in ipairs(like(change.op == "delete" and change.before or change.form, infos, numbering)) do
    count = count + (info ~= target and 1 or 0)
  end
  return count
end

-- Undo of a create whose answer was not seen: the newest of the equal ones, if there is one more than there was.
local function decide_by_content(change, infos)
  local equal = {}
  for _, info in ipairs(infos) do
    if same_form(change.before, info) then
      equal[#equal + 1] = info
    end
  end
  local before = change.twins or 0
  if #equal <= before then
    return "already"
  elseif #equal > before + 1 then
    return "stale", "several contact infos are equal: which one was made is not known"
  end
  table.sort(equal, reconcile.older)
  local found = equal[#equal]
  if found.createdOn ~= nil and time_key(found.createdOn) ~= time_key(found.updatedOn) then
    return "stale", "it has been changed"
  end
  return "do", found
end

-- What is to be done about one change, given what is there: "do", "already", or "stale" and why.
local function decide(change, infos, numbering)
  if change.op == "create" then
    local equal, other = like(change.form, infos, numbering)
    if #equal > (change.twins or 0) then
      return "already", equal[1]
    elseif other and change.why ~= "undo" then
      return "stale", "a contact info with this value has been added"
    end
    return "do"
  elseif change.by_content then
    return decide_by_content(change, infos)
  end
  local _, info = find(infos, change.id)
  if change.op == "delete" then
    if not info then
      return "already"
    end
  elseif not info then
    return "stale", "it is gone"
  elseif same_form(change.form, info) then
    return "already", info
  end
  if not as_seen(change, info) then
    return "stale", "it has been changed"
  end
  return "do", info
end

-- The state as it will be once the change is done: what the next change of the same person is decided on.
local function assume(change, infos, target)
  if change.op == "create" then
    infos[#infos + 1] = change.form
  elseif change.op == "delete" then
    for i, info in ipairs(infos) do
      if info == target then
        table.remove(infos, i)
        break
      end
    end
  else
    for i, info in ipairs(infos) do
      if info == target then
        local after = { id = info.id }
        for field, value in pairs(change.form) do
          after[field] = value
        end
        infos[i] = after
        break
      end
    end
  end
end

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
    { base_url = self.base_url, started_on = os.date "!%Y-%m-%dT%H:%M:%SZ", undo = self.plan.undo })
  if not opened then
    return nil, err
  end
  self.journal, self.report.journal = opened, opened.path
  return opened
end

-- What was there before may be more than today's validator lets through; undo puts it back all the same.
local function send_unchecked(client, change, method, path)
  local body = {}
  for _, field in ipairs(FIELDS) do
    local value = change.form[field]
    if value == nil and method == "PUT" then
      value = field ~= "isAddress" and core.null
    end
    body[field] = value
  end
  return client:request(method, path, { body = body })
end

function Run:send(change, id)
  local client, kind = self.client, KINDS[change.owner]
  local resource = client[kind.contact_infos]
  if change.op == "delete" then
    return resource:delete(change.owner_id, id)
  elseif self.plan.undo and not core.validate(change.form, change.owner) then
    local path = ("/%s/%s/contactinfo"):format(kind.resource, change.owner_id)
    if change.op == "create" then
      return send_unchecked(client, change, "POST", path)
    end
    return send_unchecked(client, change, "PUT", path .. "/" .. id)
  elseif change.op == "create" then
    return resource:create(change.owner_id, change.form)
  end
  return resource:update(change.owner_id, id, change.form)
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

function Run:note(number, note)
  if number then
    -- Without a result line undo looks for itself, so a failure here stops nothing but what comes next.
    local ok, err = self.journal:note(number, note)
    if not ok then
      self:stop(err)
    end
  end
end

function Run:perform(step, number)
  local change, result = step.change, step.result
  local answer, err = self:send(change, step.target and step.target.id)
  if answer then
    local made = type(answer) == "table" and answer or {}
    self:note(number, { status = "done", id = change.op == "create" and made.id or nil,
      updatedOn = type(made.updatedOn) == "string" and made.updatedOn or nil,
      after = change.op ~= "delete" and model_of(made) or nil })
    self:settle(result, "done", { id = made.id or change.id })
  elseif change.op == "delete" and err.status == 404 then
    self:note(number, { status = "not-done" })
    self:settle(result, "already")
  elseif err.status == 404 then
    self:note(number, { status = "not-done" })
    self:settle(result, "stale", { reason = "it is gone" })
  else
    self:note(number, { status = is_unknown(err) and "unknown" or "not-done" })
    self:settle(result, "failed", { err = err })
  end
  return answer ~= nil and answer ~= false
end

-- All changes of one person, given what is there now.
function Run:group(group, owner, infos)
  local reason = owner and owners.reason(owner, self.touch)
  if not owner or reason then
    for _, step in ipairs(group) do
      local gone = not owner and step.change.op == "delete"
      self:settle(step.result, gone and "already" or "stale", { reason = not owner and "the owner is gone" or reason })
    end
    return
  end
  local steps, whole = {}, true
  for _, step in ipairs(group) do
    local what, target = decide(step.change, infos, self.numbering)
    if what == "do" and step.change.op == "delete" and not whole and not self.plan.undo then
      -- Nobody loses a number for one that could not be put in its place.
      self:settle(step.result, "withheld", { reason = "an earlier change of the same owner is stale" })
    elseif what == "do" then
      step.target, step.twins = target, twins(step.change, infos, target, self.numbering)
      steps[#steps + 1] = step
      assume(step.change, infos, target)
    else
      whole = whole and what ~= "stale"
      self:settle(step.result, what, what == "stale" and { reason = target } or { id = target and target.id })
    end
  end
  if #steps == 0 or self:asked_to_stop() then
    return
  end
  local numbers = {}
  if self.opts.journal ~= false then
    local opened, err = self:journal_of()
    if opened then
      numbers, err = opened:intend(steps)
    end
    if err then
      return self:stop(err)
    end
  end
  for i, step in ipairs(steps) do
    if self:asked_to_stop() then
      self:note(numbers[i], { status = "not-done" })
    elseif step.change.op == "delete" and not whole and not self.plan.undo then
      self:note(numbers[i], { status = "not-done" })
      self:settle(step.result, "withheld", { reason = "an earlier change of the same owner failed" })
    else
      whole = self:perform(step, numbers[i]) and whole
    end
  end
end

local function infos_of(kind, owner)
  local embedded = owner[KINDS[kind].infos]
  if type(embedded) ~= "table" then
    return nil
  end
  local list = {}
  for _, info in ipairs(embedded) do
    if type(info) == "table" then
      list[#list + 1] = info
    end
  end
  return list
end

-- One person, read again: in one request where awork embeds the contact infos.
function Run:read(kind, id)
  local client = self.client
  local owner, err = client[KINDS[kind].resource]:get(id)
  if not owner then
    return nil, nil, err
  end
  local infos = infos_of(kind, owner)
  if infos then
    return owner, infos
  end
  infos = {}
  for info, failed in client[KINDS[kind].contact_infos]:each(id) do
    if not info then
      return nil, nil, failed
    end
    infos[#infos + 1] = info
  end
  return owner, infos
end

function Run:read_and_apply(group)
  if self:asked_to_stop() then
    return
  end
  local first = group[1].change
  local owner, infos, err = self:read(first.owner, first.owner_id)
  if not owner and err.status ~= 404 then
    for _, step in ipairs(group) do
      self:settle(step.result, "failed", { err = err })
    end
    return
  end
  self:group(group, owner, infos)
end

-- What goes wrong inside a task must not be lost with it: it stops the run, and the report says so.
function Run:guard(fn, ...)
  local ok, cause = pcall(fn, self, ...)
  if not ok then
    self:stop(errors.raised("task-failed", "apply", cause))
  end
end

function Run:run_pool(items, fn)
  local err = pool.run(self.client, self.concurrency, items, fn)
  if err then
    self:stop(err)
  end
end

function Run:run_groups(groups)
  if self.stopped then
    return
  end
  self:run_pool(groups, function(group)
    self:guard(self.read_and_apply, group)
  end)
end

-- Reads everyone of a kind page by page, and applies what concerns those of a page before the next one is read.
function Run:run_list(kind, groups)
  local waiting = {}
  for _, group in ipairs(groups) do
    waiting[normalise.lower(group[1].change.owner_id)] = group
  end
  local batch = {}
  local function flush()
    if self.stopped then
      return
    end
    self:run_pool(batch, function(item)
      self:guard(self.group, item.group, item.owner, item.infos)
    end)
    batch = {}
  end
  local page
  for owner, info in self.client[KINDS[kind].resource]:each { pageSize = PAGE_SIZE } do
    if not owner then
      return self:stop(info)
    end
    if page and info.page ~= page then
      flush()
    end
    page = info.page
    if self:asked_to_stop() then
      return
    end
    local id = type(owner.id) == "string" and normalise.lower(owner.id)
    local infos = id and waiting[id] and infos_of(kind, owner)
    if infos then
      batch[#batch + 1] = { group = waiting[id], owner = owner, infos = infos }
      waiting[id] = nil
    end
  end
  flush()
  -- Those that were on no page: archived ones, and whoever moved between the pages meanwhile.
  local rest = {}
  for _, group in ipairs(groups) do
    if waiting[normalise.lower(group[1].change.owner_id)] then
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
  if #plan.problems > 0 and not opts.partial then
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
local function group_by_owner(plan, report)
  local by_kind, known = { user = {}, company = {} }, {}
  for i, change in ipairs(plan.changes) do
    local key = change.owner .. normalise.lower(change.owner_id)
    if not known[key] then
      known[key] = {}
      table.insert(by_kind[change.owner], known[key])
    end
    table.insert(known[key], { change = change, result = report.results[i] })
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
-- | `recheck` | what takes fewer requests | "each": read each person again; "list": read all, page by page |
--
-- @param client the client
-- @param plan from client:plan(), awork.load_plan() or awork.undo_plan()
-- @param opts table or nil
-- @return report (see report.lua); or nil, err when nothing was applied (kind "plan": `problems`, `delete-limit`,
--   `other-server`), or nil, err, report when a callback raised
function M.apply(client, plan, opts)
  opts = M.options(opts)
  local base_url = client.base_url
  local ok, err = check(plan, opts, base_url)
  if not ok then
    return nil, err
  end
  local report = reports.new(plan)
  local run = setmetatable({ client = client, plan = plan, opts = opts, report = report, base_url = base_url,
    touch = plan.options.touch, numbering = normalise.numbering(plan.options.default_country),
    concurrency = opts.concurrency or 8, silent = 0, stopped = false }, Run)
  local closing <close> = setmetatable({}, { __close = function() -- luacheck: ignore
    if run.journal then
      run.journal:close()
    end
  end })
  local by_kind = group_by_owner(plan, report)
  for _, kind in ipairs { "user", "company" } do
    local groups = by_kind[kind]
    local pages = (plan.summary.seen or 0) // PAGE_SIZE + 1
    local how = opts.recheck or (#groups > PAGE_WORTH * pages and not plan.undo) and "list" or "each"
    if #groups > 0 and not run.stopped then
      if how == "list" then
        run:run_list(kind, groups)
      else
        run:run_groups(groups)
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
