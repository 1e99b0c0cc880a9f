--- From people as they are and people as they should be to a plan. Pure: the snapshot comes from the caller, page by
-- page if it likes, and only what a change needs is kept of it.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local reconcile = require "awork.desired.reconcile"
local resource = require "awork.resource"
local sorting = require "awork.desired.sorting"

local KINDS = owners.KINDS

local M = {}

--- The metatable of plans. `show.lua` and `store.lua` add the methods, when the first is asked for.
M.Plan = setmetatable({}, { __index = function(Plan, name)
  setmetatable(Plan, nil)
  require "awork.desired.show"
  require "awork.desired.store"
  return rawget(Plan, name)
end })
M.Plan.__index = M.Plan
M.Plan.__name = "awork.plan"

--- Of what a plan is when it is saved (store.lua).
M.VERSION = 2

local Builder = {}
Builder.__index = Builder

-- How a change counts: a replacement destroys an old value as a deletion does, and is held to the same limit.
local function destroys(change)
  return change.op == "delete" or change.why == "replaced"
end

--- The largest number of contact infos that a plan may delete or replace.
-- @param limit option `delete_limit`: nil (10 % of what is in scope, or 20, whichever is larger), a number, or false
-- @param in_scope how many contact infos of the people named are in the scope
-- @return number (math.huge for none)
function M.delete_limit(limit, in_scope)
  if limit == false then
    return math.huge
  end
  return limit or math.max(in_scope // 10, 20)
end

local function no_breath() end

--- Counts a plan's changes and holds them to its limit.
-- @param plan with `changes`, `options` and `summary` (of which in_scope is read)
-- @param breathe called for each change, to let others run; optional
function M.tally(plan, breathe)
  breathe = breathe or no_breath
  local summary = plan.summary
  summary.create, summary.update, summary.delete, summary.replace = 0, 0, 0, 0
  local destroyed, people = 0, {}
  for _, change in ipairs(plan.changes) do
    breathe()
    summary[change.op] = summary[change.op] + 1
    if destroys(change) then
      destroyed = destroyed + 1
    end
    if change.why == "replaced" then
      summary.replace = summary.replace + 1
    end
    people[change.owner_id] = true
  end
  local changed = 0
  for _ in pairs(people) do
    changed = changed + 1
    breathe()
  end
  summary.changed = changed
  local limit = M.delete_limit(plan.options.delete_limit, summary.in_scope)
  summary.delete_limit = limit < math.huge and limit or nil
  summary.over_limit = destroyed > limit
end

-- How an entry names whom it is about: kind, then how, then the key; or nil and what is wrong.
local function identify(entry)
  if type(entry) ~= "table" then
    return nil, "an entry must be a table, not a " .. type(entry)
  end
  local kind = entry.user ~= nil and "user" or "company"
  local who = entry[kind]
  if entry.user ~= nil and entry.company ~= nil then
    return nil, "an entry is about a user or a company, not both"
  elseif type(who) ~= "string" or normalise.fold(who) == "" then
    return nil, who == nil and "an entry needs a user (an id or an e-mail address) or a company"
      or kind .. " must be a string"
  end
  who = normalise.fold(who)
  if core.is_guid(who) then
    return kind, "id", normalise.lower(who)
  elseif who:find("@", 1, true) then
    return kind, "email", who
  elseif KINDS[kind].by_name then
    return kind, "name", who
  end
  return nil, "user is neither an id nor an e-mail address"
end

--- Starts a plan.
-- @param desired list, or iterator (a function, or a reader of awork.format), of entries
--   `{ user = id or e-mail | company = id, e-mail or name, contact_infos = { … }, source = { row = … } }`
-- @param opts see `options.lua`; checked there
-- @param breathe called now and then, to let others run: a plan of many people takes long; optional
-- @return builder with feed(), unresolved(), doubtful(), distrust(), finish()
function M.builder(desired, opts, breathe)
  local self = setmetatable({ options = options.plan(opts), entries = {}, problems = {}, seen = 0,
    breathe = breathe or no_breath,
    -- Per kind: why a list is not to be trusted.
    distrusted = {},
    -- Per kind: whom the entries name by id, address and name; and what was seen of those.
    index = { user = { id = {}, email = {}, name = {} }, company = { id = {}, email = {}, name = {} } },
    known = { user = {}, company = {} }, wants = {}, unknown = {} }, Builder)
  self.numbering = normalise.numbering(self.options.default_country)
  self.in_scope = options.scope(self.options.only)
  local next_entry = desired
  local mt = getmetatable(desired)
  if type(desired) == "table" and not (type(mt) == "table" and mt.__call) then
    local i = 0
    next_entry = function()
      i = i + 1
      return desired[i]
    end
  end
  for entry, err in next_entry do
    if entry == false then
      self:unreadable(err)
    else
      self:add(entry)
    end
    self.breathe()
  end
  return self
end

-- Where something came from, as plain data: of an entry's `source` what is text or a number, and of its `columns` (one
-- for each contact info: a name, or a table of field → name) the one meant.
local function place_of(source, index, property)
  if not source then
    return nil
  end
  local place = {}
  for key, value in next, source do
    if type(key) == "string" and (type(value) == "string" or math.type(value) == "integer") then
      place[key] = value
    end
  end
  local column = index and type(source.columns) == "table" and source.columns[index]
  if type(column) == "table" then
    column = column[property or "value"] or column.value or column.addressLine1
  end
  if type(column) == "string" then
    place.column = column
  end
  return next(place) and place or nil
end

-- What an iterator could not read, as the readers of awork.format say it: `false, err` in an entry's place.
function Builder:unreadable(err)
  local entry = { number = #self.entries + 1, broken = true }
  self.entries[entry.number] = entry
  self.blind = true
  local known = type(err) == "table"
  if known then
    entry.source = { file = err.file, row = err.row, unit = err.unit, line = err.line,
      column = err.column or err.property }
  end
  self:problem(entry, "invalid", known and (err.message or err.description) or tostring(err))
end

function Builder:problem(entry, kind, message, more)
  local problem = { kind = kind, message = message, entry = entry.number, source = place_of(entry.source),
    who = entry.key }
  for key, value in pairs(more or {}) do
    problem[key] = value
  end
  self.problems[#self.problems + 1] = problem
end

-- An entry is kept in few fields, because there are as many as people: number, source, kind, how, key, contact_infos;
-- `broken` if it says too little; `same`, the next entry of the same key; and when someone was seen whom it may mean,
-- `record` and `exact` of the first such one, `more` for the others.
function Builder:add(raw)
  local entry = { number = #self.entries + 1, source = nil, kind = nil, how = nil, key = nil, contact_infos = nil,
    record = nil, exact = nil }
  self.entries[entry.number] = entry
  if type(raw) == "table" then
    entry.source = type(raw.source) == "table" and raw.source or nil
  end
  local kind, how, key = identify(raw)
  if not kind then
    entry.broken, self.blind = true, true
    return self:problem(entry, "invalid", how)
  end
  entry.kind, entry.how, entry.key = kind, how, key
  self.wants[kind] = true
  if type(raw.contact_infos) ~= "table" then
    -- An absent list is no empty list: with prune, that would be "delete all".
    entry.broken = true
    self:problem(entry, "invalid", "contact_infos must be a list")
  else
    entry.contact_infos = raw.contact_infos
  end
  self:note_unknown(entry)
  local index, by = self.index[kind][how], how == "email" and normalise.email(key) or key
  if index[by] then
    entry.same = index[by]
  end
  index[by] = entry
  return nil
end

-- What a reader did not understand of an entry's file or card (`source.unknown`, see awork.format.person) might hold
-- the very contact infos that would be deleted: with prune or replace, that is a problem, said once for each name.
function Builder:note_unknown(entry)
  local unknown = entry.source and entry.source.unknown
  if type(unknown) ~= "table" or not (self.options.prune or self.options.replace) then
    return
  end
  for _, item in ipairs(unknown) do
    local place = ("%s\0%s"):format(entry.source.file or "", item.name)
    if not item.ignored and not self.unknown[place] then
      self.unknown[place] = true
      local what = item.what or "column"
      local kinds = item.types and table.concat(item.types, " or ")
      self.problems[#self.problems + 1] = { kind = "unknown", entry = entry.number,
        who = what == "column" and "everyone" or entry.key,
        source = { file = entry.source.file, [what == "column" and "column" or "property"] = item.name },
        message = ("%s '%s' is not understood and may hold %s, so %s is deleted or replaced: correct its name, or have "
          .. "it ignored (ignore_columns = { %q })"):format(what, item.name, kinds or "any contact info",
          kinds and "no " .. kinds or "nothing", item.name) }
    end
  end
end

-- Adds the types that what is not understood of an entry may hold to `tainted`; true if it may hold any.
local function taint(entry, tainted)
  local all = false
  local unknown = entry.source and entry.source.unknown
  for _, item in ipairs(type(unknown) == "table" and unknown or {}) do
    for _, kind in ipairs(item.types or {}) do
      tainted[kind] = true
    end
    all = all or not item.types
  end
  return all
end

--- Must users (or companies) be read at all?
function Builder:needs(kind)
  return self.wants[kind] == true
end

-- Adds to `found` the entries of a chain that are not in it yet; exact[entry] says whether exactly this one is meant.
-- `spellings`: the address as it is written, each way, when the chain is of an address.
local function note(found, exact, entry, spellings, breathe)
  while entry do
    if exact[entry] == nil then
      found[#found + 1], exact[entry] = entry, false
    end
    exact[entry] = exact[entry] or spellings == nil or spellings[normalise.email_spelling(entry.key)] ~= nil
    entry = entry.same
    breathe()
  end
end

local function by_number(a, b)
  return a.number < b.number
end

-- Which entries a user or company may be meant by: by id, by an address, by name.
local function candidates_of(self, kind, owner, infos)
  local index, found, exact, breathe = self.index[kind], {}, {}, self.breathe
  note(found, exact, index.id[normalise.lower(owner.id)], nil, breathe)
  if next(index.email) then
    -- Each chain is gone through once, however often someone has its address.
    local chains
    for i = 0, #infos do
      local info = infos[i]
      local value = i == 0 and owner.email or info and info.type == "email" and info.value
      local key = type(value) == "string" and normalise.email(value)
      if key and index.email[key] then
        chains = chains or {}
        chains[key] = chains[key] or {}
        chains[key][normalise.email_spelling(value)] = true
      end
      breathe()
    end
    for key, spellings in next, chains or {} do
      note(found, exact, index.email[key], spellings, breathe)
    end
  end
  if KINDS[kind].by_name and type(owner.name) == "string" then
    note(found, exact, index.name[normalise.fold(owner.name)], nil, breathe)
  end
  if #found > 1 then
    found = sorting.sorted(found, by_number, breathe)
  end
  return found, exact
end

-- What is guarded of someone's contact infos: the address they log in with, and the addresses by which entries find
-- people (without those, the next run would find nobody, or somebody else).
function Builder:guarded(kind, record)
  local guarded = {}
  if kind == "user" and not self.options.touch.login then
    guarded = owners.login_infos(record.owner, record.infos, self.breathe)
  end
  for _, info in ipairs(record.infos) do
    self.breathe()
    if info.type == "email" and self.index[kind].email[normalise.email(info.value)] then
      guarded[info] = guarded[info] or "identifier"
    end
  end
  return guarded
end

-- What reconcile() takes: the desired infos of the entries that are about one record, and how to look at them.
function Builder:question(kind, record, entries, taints_all)
  -- An entry that could not be read may be about anyone: as long as there is one, nobody loses anything. And nobody
  -- does if the list they are from changed while it was read.
  taints_all = taints_all or self.blind or self.distrusted[kind] ~= nil
  local items, tainted = {}, {}
  local may_destroy = self.options.prune or self.options.replace
  for _, entry in ipairs(entries) do
    taints_all = taints_all or entry.broken
    for i, info in ipairs(entry.contact_infos or {}) do
      may_destroy = may_destroy or type(info) == "table" and info.replace == true
      items[#items + 1] = { info = info, entry = entry, index = i,
        source = type(info) == "table" and type(info.source) == "table" and info.source or entry.source }
      self.breathe()
    end
  end
  for _, entry in ipairs(may_destroy and entries or {}) do
    taints_all = taint(entry, tainted) or taints_all
  end
  return items, { breathe = self.breathe, owner = kind, numbering = self.numbering, prune = self.options.prune,
    replace = self.options.replace, in_scope = self.in_scope, guarded = self:guarded(kind, record),
    taints_all = taints_all, tainted = tainted, taken = function(address)
      local entry = self.index[kind].email[address]
      while entry and entry.record == record do
        entry = entry.same
      end
      return entry ~= nil
    end }
end

function Builder:reconcile(kind, record, entries, taints_all)
  return reconcile.reconcile(record.infos, self:question(kind, record, entries, taints_all))
end

-- Is there nothing to do for a record, and nothing to say about it? Then its counts are all that is kept of it.
function Builder:settle_quiet(kind, record, entries)
  local items, context = self:question(kind, record, entries)
  local counts = not self.options.keeps and not context.taints_all
    and reconcile.nothing_to_do(record.infos, items, context)
  if counts then
    record.keep, record.in_scope, record.guarded = counts.keep, counts.in_scope, counts.guarded
    record.out_of_scope = counts.out_of_scope
    return true
  end
  local result = reconcile.reconcile(record.infos, items, context)
  if #result.changes + #result.problems + #result.skipped > 0 then
    return false
  end
  record.keep, record.in_scope, record.guarded = #result.keeps, result.in_scope, result.guarded
  record.out_of_scope = result.out_of_scope
  if #result.warnings > 0 or self.options.keeps then
    record.name = owners.name(record.owner)
    record.warnings, record.keeps = result.warnings, self.options.keeps and result.keeps or nil
  end
  return true
end

-- Only what changes need is kept of those named; of one with nothing to do, the counts.
local KEPT = { "id", "createdOn", "updatedOn" }

local function slim(info)
  local copy = reconcile.form_of(info)
  for _, field in ipairs(KEPT) do
    copy[field] = info[field]
  end
  return copy
end

-- Ids are known by numbers, in many small tables: the collector goes through one that holds objects and has changed in
-- one go, and a large one that grows makes it do much at once.
local SHARDS = 64

-- Is someone's id known? With `from_now_on`, it is.
local function is_known(known, owner, from_now_on)
  local key = resource.key_of(owner)
  local shard = math.type(key) and key & SHARDS - 1 or SHARDS
  local there = known[shard]
  if from_now_on then
    there = there or {}
    known[shard], there[key] = there, true
  end
  return there ~= nil and there[key] ~= nil
end

--- Shows the builder one user or company of the snapshot, in any order; one shown twice counts once.
-- @param kind "user" or "company"
-- @param owner as awork gave it, with its embedded contact infos
function Builder:feed(kind, owner)
  self.seen = self.seen + 1
  local id = type(owner) == "table" and type(owner.id) == "string" and normalise.lower(owner.id)
  if not id or is_known(self.known[kind], owner) then
    return
  end
  local infos = {}
  for _, info in ipairs(type(owner[KINDS[kind].infos]) == "table" and owner[KINDS[kind].infos] or {}) do
    if type(info) == "table" then
      infos[#infos + 1] = info
    end
  end
  local entries, exact = candidates_of(self, kind, owner, infos)
  if #entries == 0 then
    return
  end
  local api_users = kind == "user" and self.api_users or nil
  local record = { id = owner.id, reason = owners.reason(owner, self.options.touch, api_users) }
  is_known(self.known[kind], owner, true)
  local quiet = true
  for _, entry in ipairs(entries) do
    -- Who else may be meant by such an entry is seen in the end, and with it whether there is something to do here.
    quiet = quiet and entry.record == nil and (exact[entry] or #entries == 1)
    if entry.record == nil then
      entry.record, entry.exact = record, exact[entry]
    else
      entry.more = entry.more or {}
      table.insert(entry.more, { record = record, exact = exact[entry] })
    end
  end
  if record.reason then
    record.name = owners.name(owner)
    return
  end
  record.owner, record.infos = owner, infos
  if quiet and self:settle_quiet(kind, record, entries) then
    record.owner, record.infos = nil, nil
    return
  end
  record.name = owners.name(owner)
  for i, info in ipairs(infos) do
    infos[i] = slim(info)
    self.breathe()
  end
  -- What login_infos() looks at.
  record.owner = { id = owner.id, email = owner.email, userName = owner.userName, loginEmail = owner.loginEmail,
    accountEmail = owner.accountEmail }
end

--- Are there entries of that kind that nobody shown so far may be meant by?
function Builder:unresolved(kind)
  for _, entry in ipairs(self.entries) do
    if entry.kind == kind and not entry.record then
      return true
    end
    self.breathe()
  end
  return false
end

-- May reconciling this entry destroy something?
local function may_destroy(self, entry)
  if self.options.prune or self.options.replace then
    return true
  end
  for _, info in ipairs(entry.contact_infos or {}) do
    if type(info) == "table" and (info.absent or info.replace) then
      return true
    end
  end
  return false
end

--- Is there an entry that finds someone by address or name, and has something to do there that one reading of a list of
-- several pages is no reason enough for? Somebody else may have the same address, and a reading may have missed them:
-- who comes back out of an archive can hide from the total that somebody was deleted.
-- @param kind "user" or "company"
-- @param counted did the pages say how many there are in all? If not, anything can be hidden.
-- @return boolean
function Builder:doubtful(kind, counted)
  for _, entry in ipairs(self.entries) do
    local record = entry.kind == kind and entry.how ~= "id" and entry.record
    if record and not record.reason and not record.keep and (not counted or may_destroy(self, entry)) then
      return true
    end
    self.breathe()
  end
  return false
end

--- Says that a list could not be read without changing meanwhile: nobody in it is found by address or name, for
-- somebody unseen may have the same, and nobody in it loses anything.
-- @param kind "user" or "company"
-- @param why a sentence
function Builder:distrust(kind, why)
  self.distrusted[kind] = why
  self.problems[#self.problems + 1] = { kind = "list-changed", owner = kind,
    message = ("the list of %s can't be relied on (%s): nobody is found in it by e-mail address or name, and nothing is"
      .. " deleted or replaced; plan again when fewer people are added and deleted"):format(
      kind == "user" and "users" or "companies", why) }
end

-- Whom an entry means: the one with exactly this id, address or name; else, of an address, the only one whose address
-- differs in case alone. Never a guess between two.
local function resolve(entry)
  if not entry.more then
    return entry.record
  end
  local candidates = { { record = entry.record, exact = entry.exact } }
  for i, candidate in ipairs(entry.more) do
    candidates[i + 1] = candidate
  end
  local function pick(exact, touchable)
    local found
    for _, candidate in ipairs(candidates) do
      if (not exact or candidate.exact) and (candidate.record.reason == nil) == touchable then
        if found then
          return nil, candidates
        end
        found = candidate.record
      end
    end
    return found
  end
  for _, touchable in ipairs { true, false } do
    for _, exact in ipairs { true, false } do
      local record, ambiguous = pick(exact, touchable)
      if record or ambiguous then
        return record, ambiguous
      end
    end
  end
  return nil
end

function Builder:resolve_all()
  for _, entry in ipairs(self.entries) do
    self.breathe()
    local record, candidates = resolve(entry)
    local distrusted = entry.kind and entry.how ~= "id" and self.distrusted[entry.kind]
    if distrusted then
      record, candidates = nil, nil
    end
    entry.record = record
    if distrusted then
      self:problem(entry, "list-changed", ("who has the %s %s is not certain: the list changed while it was read")
        :format(entry.how == "name" and "name" or "e-mail address", entry.key))
    elseif candidates then
      local ids = {}
      for _, candidate in ipairs(candidates) do
        ids[#ids + 1] = candidate.record.id
        candidate.record.tainted = true
      end
      self:problem(entry, "ambiguous", ("%d %s have the %s %s: name one by id"):format(#ids,
        entry.kind == "user" and "users" or "companies", entry.how == "name" and "name" or "e-mail address", entry.key),
        { candidates = ids })
    elseif record and record.reason then
      self.skipped[#self.skipped + 1] = { owner = entry.kind, owner_id = record.id, name = record.name,
        reason = record.reason, entry = entry.number, source = place_of(entry.source) }
    elseif record and not record.keep then
      record.entries = record.entries or {}
      table.insert(record.entries, entry)
    elseif entry.kind and not record and self.distrusted[entry.kind] then
      self:problem(entry, "list-changed",
        ("whether a %s has the id %s is not certain: the list changed while it was read"):format(entry.kind, entry.key))
    elseif entry.kind and not record then
      self:problem(entry, "not-found", entry.how == "id" and ("no %s has the id %s"):format(entry.kind, entry.key)
        or ("no %s has the %s %s"):format(entry.kind, entry.how == "name" and "name" or "e-mail address", entry.key))
    end
  end
end

-- Turns what reconcile() says of an item's origin into plain data.
local function settle_source(item)
  local violation = item.violations and item.violations[1]
  item.source = place_of(item.source, item.index, item.property or violation and violation.property)
  item.entry, item.index = item.entry and item.entry.number, nil
  return item
end

function Builder:take(kind, record, result)
  local function place(item)
    item.owner, item.owner_id, item.name = kind, record.id, record.name
    return settle_source(item)
  end
  for _, list in ipairs { "changes", "skipped", "warnings" } do
    for _, item in ipairs(result[list]) do
      table.insert(self[list], place(item))
      self.breathe()
    end
  end
  for _, problem in ipairs(result.problems) do
    problem.who = problem.entry and problem.entry.key
    table.insert(self.problems, place(problem))
    self.breathe()
  end
  self:count(kind, record, { keep = #result.keeps, in_scope = result.in_scope, guarded = result.guarded,
    out_of_scope = result.out_of_scope, keeps = self.options.keeps and result.keeps })
end

function Builder:count(kind, record, counts)
  local summary = self.summary
  for _, name in ipairs { "keep", "in_scope", "guarded", "out_of_scope" } do
    summary[name] = summary[name] + counts[name]
  end
  for _, kept in ipairs(counts.keeps or {}) do
    self.keeps[#self.keeps + 1] = { owner = kind, owner_id = record.id, id = kept.existing.id,
      type = kept.existing.type, subType = kept.existing.subType, value = kept.existing.value }
  end
  for _, warning in ipairs(counts.warnings or {}) do
    warning.owner, warning.owner_id, warning.name = kind, record.id, record.name
    self.warnings[#self.warnings + 1] = settle_source(warning)
  end
end

-- An entry about nobody is checked nevertheless, so that one look shows all that is wrong with a file.
function Builder:check_unmatched()
  for _, entry in ipairs(self.entries) do
    self.breathe()
    if entry.kind and not entry.record and not entry.broken then
      local result = self:reconcile(entry.kind, { owner = {}, infos = {} }, { entry })
      for _, problem in ipairs(result.problems) do
        if problem.kind ~= "taken" then
          problem.who, problem.owner = entry.key, entry.kind
          table.insert(self.problems, settle_source(problem))
        end
      end
    end
  end
end

local function by_message(a, b)
  return a.message < b.message
end

-- Problems in the order of the entries; those of one by their text.
local function in_order(problems, breathe)
  local by_entry, ordered, most = {}, {}, 0
  for _, problem in ipairs(problems) do
    local number = problem.entry or 0
    by_entry[number] = by_entry[number] or {}
    table.insert(by_entry[number], problem)
    most = math.max(most, number)
    breathe()
  end
  for number = 0, most do
    breathe()
    local ones = by_entry[number]
    for _, problem in ipairs(ones and sorting.sorted(ones, by_message, breathe) or {}) do
      ordered[#ordered + 1] = problem
    end
  end
  return ordered
end

--- Ends the snapshot.
-- @return plan
function Builder:finish()
  self.changes, self.skipped, self.warnings = {}, {}, {}
  self.keeps = self.options.keeps and {} or nil
  self.summary = { keep = 0, in_scope = 0, guarded = 0, out_of_scope = 0, seen = self.seen, entries = #self.entries }
  self:resolve_all()
  local matched = 0
  for _, entry in ipairs(self.entries) do
    self.breathe()
    local record = entry.record
    if record and not record.reason and not record.done then
      record.done, matched = true, matched + 1
      if record.keep then
        -- Nothing to do, and nobody else was seen who might be meant.
        self:count(entry.kind, record, record)
      else
        self:take(entry.kind, record, self:reconcile(entry.kind, record, record.entries, record.tainted))
        record.owner, record.infos, record.entries = nil, nil, nil
      end
    end
  end
  self:check_unmatched()
  self.problems = in_order(self.problems, self.breathe)
  self.summary.matched = matched
  local plan = setmetatable({ format = "awork-plan", version = M.VERSION, created_on = os.date "!%Y-%m-%dT%H:%M:%SZ",
    options = self.options, changes = self.changes, problems = self.problems, warnings = self.warnings,
    skipped = self.skipped, keeps = self.keeps, summary = self.summary }, M.Plan)
  M.tally(plan, self.breathe)
  return plan
end

--- The plan of a list of changes that undo others: everything may be touched, because it was touched before.
-- @param changes list; those of one owner need not follow one another
-- @param base_url of the server that they are for, or nil
-- @param breathe called for each change, to let others run; optional
-- @return plan
function M.undo(changes, base_url, breathe)
  local touch = {}
  for _, name in ipairs(owners.TOUCHABLE) do
    touch[name] = true
  end
  local plan = setmetatable({ format = "awork-plan", version = M.VERSION, created_on = os.date "!%Y-%m-%dT%H:%M:%SZ",
    base_url = base_url, undo = true, options = options.plan { touch = touch, delete_limit = false },
    changes = changes, problems = {}, warnings = {}, skipped = {}, summary = { keep = 0, in_scope = 0, guarded = 0,
    out_of_scope = 0, seen = 0, entries = 0, matched = 0 } }, M.Plan)
  M.tally(plan, breathe)
  return plan
end

--- The fields in which two forms differ.
-- @return list of names
function M.fields_changed(before, after)
  local fields = {}
  for _, field in ipairs(normalise.FIELDS) do
    if before[field] ~= after[field] then
      fields[#fields + 1] = field
    end
  end
  return fields
end

--- Computes a plan in one go.
-- @param snapshot list or iterator function of users, or `{ users = …, companies = … }` of those
-- @param desired, opts as for `builder()`
-- @return plan
function M.compute(snapshot, desired, opts)
  local builder = M.builder(desired, opts)
  local function feed(kind, source)
    if type(source) == "function" then
      for owner in source do
        builder:feed(kind, owner)
      end
    else
      for _, owner in ipairs(source or {}) do
        builder:feed(kind, owner)
      end
    end
  end
  if type(snapshot) == "table" and (snapshot.users or snapshot.companies) then
    feed("user", snapshot.users)
    feed("company", snapshot.companies)
  else
    feed("user", snapshot)
  end
  return builder:finish()
end

return M
