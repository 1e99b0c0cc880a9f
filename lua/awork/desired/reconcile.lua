--- One person (or company): what is there against what should be there. A pure function, no I/O.
-- The rules of matching stand here and nowhere else; docs/architecture.md has them in prose.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local sorting = require "awork.desired.sorting"

local null = core.null
local FIELDS = normalise.FIELDS
local same_field, group_key = normalise.same_field, normalise.group_key

local IS_FIELD = normalise.FIELD_TYPES
-- What a desired contact info may say about itself beside the form's fields.
local OWN = { id = true, source = true, absent = true, replace = true }

-- What is seen of a contact info that exists, in the form's fields alone.
local function form_of(existing)
  local form = {}
  for _, field in ipairs(FIELDS) do
    local value = existing[field]
    if value ~= nil and value ~= null then
      form[field] = value
    end
  end
  return form
end

-- Older first; without a date oldest of all; ids break ties. So the same one is chosen each time.
local function older(a, b)
  local x, y = tostring(a.createdOn or ""), tostring(b.createdOn or "")
  if x ~= y then
    return x < y
  end
  return tostring(a.id) < tostring(b.id)
end

-- Does `existing` differ in a field that `wanted` states?
local function differs_from(wanted, existing, numbering)
  local kind = wanted.form.type or existing.type
  for i = 1, #FIELDS do
    local field = FIELDS[i]
    local value = wanted.form[field]
    if field == "isAddress" then
      -- Not nullable in the form, so an absent one says nothing.
      if value ~= nil and existing.isAddress ~= nil and value ~= existing.isAddress then
        return true
      end
    elseif (value ~= nil or wanted.nulls[field])
      and value ~= existing[field] and not same_field(field, value, existing[field], kind, numbering) then
      return true
    end
  end
  return false
end

-- The model to put: what exists, with what is wanted laid over it.
local function overlay(wanted, existing)
  local form = form_of(existing)
  for field, value in pairs(form) do
    -- awork's fields are text, whatever an import left in them.
    if IS_FIELD[field] == "string" and math.type(value) == "integer" then
      form[field] = tostring(value)
    end
  end
  for field, value in pairs(wanted.form) do
    form[field] = value
  end
  for field in pairs(wanted.nulls) do
    form[field] = nil
  end
  if form.type == "address" and form.isAddress == nil then
    form.isAddress = true
  end
  return form
end

local NONE = {}

-- Reads one desired contact info into { form, nulls, id, absent, replace, source, entry }.
local function read_wanted(item)
  local wanted = { form = {}, nulls = NONE, source = item.source, entry = item.entry, index = item.index }
  local info = item.info
  if type(info) ~= "table" then
    return wanted, "a contact info must be a table, not a " .. type(info)
  end
  for key, value in next, info do
    if value == null then
      if IS_FIELD[key] then
        wanted.nulls = wanted.nulls == NONE and {} or wanted.nulls
        wanted.nulls[key] = true
      end
    elseif OWN[key] then
      wanted[key] = value
    else
      wanted.form[key] = value
    end
  end
  if wanted.form.type == "address" and wanted.form.isAddress == nil and not wanted.nulls.isAddress then
    wanted.form.isAddress = true
  end
  if wanted.id ~= nil and not (type(wanted.id) == "string" and core.is_guid(wanted.id)) then
    return wanted, "id is no GUID"
  end
  for _, flag in ipairs { "absent", "replace" } do
    if wanted[flag] ~= nil and type(wanted[flag]) ~= "boolean" then
      return wanted, flag .. " must be true or false"
    end
  end
  return wanted
end

-- Do two desired infos that are the same by key contradict each other in a field that both state? The name, or nil.
local function contradiction(a, b, numbering)
  local kind = a.form.type or b.form.type or a.existing and a.existing.type
  for _, field in ipairs(FIELDS) do
    local x, y = a.form[field], b.form[field]
    local stated = (x ~= nil or a.nulls[field]) and (y ~= nil or b.nulls[field])
    if stated and field ~= "subType" and not same_field(field, x, y, kind, numbering) then
      return field
    end
  end
  return nil
end

-- Takes into `a` what only its duplicate `b` states.
local function absorb(a, b)
  for field, value in pairs(b.form) do
    if a.form[field] == nil and not a.nulls[field] then
      a.form[field] = value
    end
  end
  for field in pairs(b.nulls) do
    if a.form[field] == nil then
      a.nulls = a.nulls == NONE and {} or a.nulls
      a.nulls[field] = true
    end
  end
  a.replace = a.replace or b.replace
end

local function no_breath() end

local Reconcile = {}
Reconcile.__index = Reconcile

-- The key of an existing contact info: computed once.
function Reconcile:key_of(existing)
  local key = self.keys[existing]
  if not key then
    key = group_key(existing, self.numbering)
    self.keys[existing] = key
  end
  return key
end

function Reconcile:problem(kind, wanted, message, extra)
  local problem = { kind = kind, message = message, source = wanted.source, entry = wanted.entry,
    index = wanted.index }
  for key, value in pairs(extra or {}) do
    problem[key] = value
  end
  self.problems[#self.problems + 1] = problem
  -- Nothing of that type is deleted or replaced: the info with the problem might be the very one that is there.
  local kind_of_info = type(wanted.form.type) == "string" and wanted.form.type or nil
  if wanted.existing then
    self.tainted[wanted.existing.type or ""] = true
  elseif not kind_of_info then
    self.taints_all = true
  end
  if kind_of_info then
    self.tainted[kind_of_info] = true
  end
end

function Reconcile:skip(op, wanted, existing, reason)
  self.skipped[#self.skipped + 1] = { op = op, id = existing.id, type = existing.type, subType = existing.subType,
    value = existing.value, reason = reason, source = wanted.source, entry = wanted.entry,
    index = wanted.index }
end

-- The validator's violations as a sentence.
local function describe(err)
  local texts = {}
  for i, violation in ipairs(err.violations or {}) do
    texts[i] = ("%s: %s%s"):format(violation.property, violation.message,
      violation.hint and " (" .. violation.hint .. ")" or "")
  end
  return #texts > 0 and table.concat(texts, "; ") or tostring(err)
end

-- May this model be sent? A problem otherwise. `before`: what is there now; a field that stays as it is may break a
-- rule that is younger than it.
function Reconcile:valid(wanted, form, before)
  local ok, found = self.validate(form, self.owner, nil, before)
  if not ok then
    self:problem("invalid", wanted, describe(found), { violations = found.violations })
    for _, violation in ipairs(found.violations or {}) do
      -- A misspelt type may mean any.
      self.taints_all = self.taints_all or violation.property == "type"
    end
    return false
  end
  for _, warning in ipairs(found or {}) do
    if not warning.unchanged then
      self.warnings[#self.warnings + 1] = { property = warning.property, rule = warning.rule, message = warning.message,
        source = wanted.source, entry = wanted.entry, index = wanted.index }
    end
  end
  return true
end

-- What exists under the key and subtype of a desired info, the oldest of several; or nil.
function Reconcile:twin_of(wanted)
  local twins = self.twins
  if not twins then
    twins = {}
    for _, existing in ipairs(self.existing) do
      self.breathe()
      local key = self:key_of(existing) .. "\30" .. normalise.fold(existing.subType)
      twins[key] = twins[key] or existing
    end
    self.twins = twins
  end
  return twins[group_key(wanted.form, self.numbering) .. "\30" .. normalise.fold(wanted.form.subType)]
end

-- Would this model give a second person an address by which an entry finds somebody else?
function Reconcile:conflicts(wanted, form)
  if form.type == "email" and type(form.value) == "string" and self.taken then
    if self.taken(normalise.email(form.value)) then
      self:problem("taken", wanted, "this e-mail address is the one by which another entry is found")
      return true
    end
  end
  return false
end

function Reconcile:keep(wanted, existing)
  self.keeps[#self.keeps + 1] = { existing = existing, entry = wanted.entry }
end

local function change_of(op, existing, why, wanted)
  return { op = op, id = existing and existing.id, before = existing and form_of(existing),
    updatedOn = existing and existing.updatedOn, why = why, source = wanted and wanted.source,
    entry = wanted and wanted.entry, index = wanted and wanted.index }
end

function Reconcile:update(wanted, existing, form, why)
  local change = change_of("update", existing, why, wanted)
  change.form, change.fields = form, {}
  for _, field in ipairs(FIELDS) do
    if change.before[field] ~= form[field] then
      change.fields[#change.fields + 1] = field
    end
  end
  self.changes[#self.changes + 1] = change
end

function Reconcile:create(wanted)
  local change = change_of("create", nil, "missing", wanted)
  change.form = wanted.form
  self.changes[#self.changes + 1] = change
end

function Reconcile:delete(existing, why, wanted)
  self.deletes[#self.deletes + 1] = change_of("delete", existing, why, wanted)
end

-- The info of that id (or the match found by key) and what is wanted of it: keep, update or skip. Returns the form that
-- it has in the end.
function Reconcile:settle(wanted, existing)
  wanted.existing = existing
  self.claimed[existing] = true
  local form = overlay(wanted, existing)
  if not differs_from(wanted, existing, self.numbering) then
    self:keep(wanted, existing)
  elseif self.guarded[existing] then
    self:skip("update", wanted, existing, self.guarded[existing])
  elseif self:valid(wanted, form, form_of(existing)) then
    -- A guard against two owners of one address: only where the address itself changes.
    if normalise.value_key(form, self.numbering) == normalise.value_key(existing, self.numbering)
      or not self:conflicts(wanted, form) then
      self:update(wanted, existing, form, "differs")
      return form
    end
  end
  return form_of(existing)
end

function Reconcile:remove(wanted, existing)
  self.claimed[existing] = true
  if self.guarded[existing] then
    self:skip("delete", wanted, existing, self.guarded[existing])
  else
    self:delete(existing, "absent", wanted)
  end
end

-- Is what is wanted, and what it would change, in the scope?
function Reconcile:ours(wanted, existing)
  local form = existing and overlay(wanted, existing) or wanted.form
  return self.in_scope(form.type, form.subType)
    and (not existing or self.in_scope(existing.type, existing.subType))
end

-- First: desired infos that name an existing one by its id. Returns the others, each with its key.
function Reconcile:by_id(items)
  local index, by_id, rest = {}, {}, {}
  for _, existing in ipairs(self.existing) do
    self.breathe()
    if type(existing.id) == "string" then
      index[normalise.lower(existing.id)] = existing
    end
  end
  for _, item in ipairs(items) do
    self.breathe()
    local wanted, why = read_wanted(item)
    local id = not why and wanted.id and normalise.lower(wanted.id)
    local existing = id and index[id]
    if why then
      self:problem("invalid", wanted, why)
    elseif not self:ours(wanted, existing) then
      self.out_of_scope = self.out_of_scope + 1
    elseif not existing then
      -- An id that is not there (any more): looked for by key. One that is to be absent by its id is so.
      if not (id and wanted.absent) then
        rest[#rest + 1] = wanted
      end
    elseif by_id[id] then
      local first = by_id[id]
      local both_absent = first.absent and wanted.absent
      local field = not both_absent and (contradiction(first, wanted, self.numbering)
        or (first.absent or false) ~= (wanted.absent or false) and "absent"
        or first.form.subType ~= wanted.form.subType and "subType")
      if field then
        first.contested = true
        self:problem("conflict", wanted, "this contact info is named twice, with different " .. field)
      elseif not both_absent then
        absorb(first, wanted)
      end
    else
      by_id[id] = wanted
      by_id[#by_id + 1] = wanted
      wanted.existing = existing
    end
  end
  for _, wanted in ipairs(by_id) do
    self.breathe()
    if wanted.absent then
      self.claimed[wanted.existing] = true
      self:place(wanted.existing, wanted)
      self.removals[#self.removals + 1] = wanted
    else
      self:place(self:settle(wanted, wanted.existing), wanted)
    end
  end
  return rest
end

-- What stands for one key, and for it with one subtype: the first that is wanted, the first that is to be absent, and
-- of the latter the first that was not named by its id. The first decides, so the others need not be looked through.
local function remember(slot, other)
  if not other.wanted.absent then
    slot.present = slot.present or other
  else
    slot.absent = slot.absent or other
    slot.plain_absent = slot.plain_absent or not other.settled and other or nil
  end
end

local function earlier(a, b)
  return a and (not b or a.number < b.number) and a or b
end

-- Remembers that a desired info stands for this key (and subtype), so that a second one is seen as its duplicate.
-- `settled`: the form that one named by its id has in the end.
function Reconcile:note(key, subtype, wanted, settled)
  local group = self.groups[key]
  if not group then
    group = { all = {}, any = NONE, by = {} }
    self.groups[key] = group
  end
  self.noted = self.noted + 1
  local other = { number = self.noted, wanted = wanted, settled = settled }
  remember(group.all, other)
  if subtype then
    group.by[subtype] = group.by[subtype] or {}
    remember(group.by[subtype], other)
  else
    group.any = group.any ~= NONE and group.any or {}
    remember(group.any, other)
  end
end

-- Of those that were noted for this key and a subtype that fits (any does, if `subtype` is nil), the first that is
-- wanted, the first that is to be absent, and the first that says just the same, to be absent.
function Reconcile:noted_before(key, subtype)
  local group = self.groups[key]
  if not group then
    return nil
  elseif not subtype then
    return group.all.present, group.all.absent, group.any.plain_absent
  end
  local slot, any = group.by[subtype] or NONE, group.any
  return earlier(slot.present, any.present), earlier(slot.absent, any.absent), slot.plain_absent
end

function Reconcile:place(form, wanted)
  self:note(group_key(form, self.numbering), normalise.fold(form.subType), wanted, form)
end

-- A desired info whose key another one has already: that one takes in what it adds, unless they contradict each other.
function Reconcile:duplicate(wanted, other)
  local first = other.wanted
  if other.settled then
    -- What was matched by its id takes in nothing more: it is decided about already.
    if differs_from(wanted, other.settled, self.numbering) then
      self:problem("conflict", wanted, "this contact info is there twice, once by its id")
    end
    return
  end
  local field = contradiction(first, wanted, self.numbering)
  if field then
    self:problem("conflict", wanted, "this contact info is there twice, with different " .. field)
  else
    absorb(first, wanted)
  end
end

-- Second: duplicates and contradictions among the others. Groups them by key; nothing is matched yet.
function Reconcile:group(rest)
  local order = {}
  local function add(wanted)
    local key = group_key(wanted.form, self.numbering)
    local any = wanted.form.subType == nil and not wanted.nulls.subType
    local subtype = not any and normalise.fold(wanted.form.subType) or nil
    local present, absent, plain_absent = self:noted_before(key, subtype)
    local same, opposite = present, absent
    if wanted.absent then
      same, opposite = plain_absent, present
    end
    if opposite and earlier(opposite, same) == opposite then
      opposite.wanted.contested = true
      return self:problem("conflict", wanted, "this contact info is both wanted and wanted absent")
    elseif same then
      return not wanted.absent and self:duplicate(wanted, same) or nil
    end
    wanted.group, wanted.subtype = key, subtype
    self:note(key, subtype, wanted)
    order[#order + 1] = wanted
    return nil
  end
  -- Those that state a subtype first, so that one without finds the duplicate of which it says less.
  local later = {}
  for _, wanted in ipairs(rest) do
    self.breathe()
    if self:readable(wanted) then
      if wanted.form.subType == nil and not wanted.nulls.subType then
        later[#later + 1] = wanted
      else
        add(wanted)
      end
    end
  end
  for _, wanted in ipairs(later) do
    self.breathe()
    add(wanted)
  end
  for _, wanted in ipairs(self.removals) do
    self.breathe()
    if not wanted.contested then
      self:remove(wanted, wanted.existing)
    end
  end
  return order
end

-- Can this one be looked for by its key, and created when it is not there?
function Reconcile:readable(wanted)
  if type(wanted.form.type) ~= "string" then
    if wanted.form.type == nil then
      self:problem("invalid", wanted, "a desired contact info needs a type (or the id of one that is there)")
    else
      self:problem("invalid", wanted, "type must be a string")
    end
    return false
  end
  if not wanted.absent then
    if self.validate(wanted.form, self.owner) then
      return self:valid(wanted, wanted.form)
    end
    -- awork may have it, from before its rules: then it is kept, or changed where it is.
    local twin = self:twin_of(wanted)
    wanted.lenient = twin ~= nil
    return self:valid(wanted, wanted.form, twin and form_of(twin))
  end
  for field, value in pairs(wanted.form) do
    if not IS_FIELD[field] or type(value) ~= IS_FIELD[field] then
      self:problem("invalid", wanted, tostring(field) .. " is no field of a contact info, or of the wrong type")
      return false
    end
  end
  return true
end

-- Third: what is there under the same key. Returns the desired infos for which nothing is.
function Reconcile:match(order)
  -- By key, and under it by subtype.
  local buckets = {}
  for _, existing in ipairs(self.existing) do
    self.breathe()
    if not self.claimed[existing] then
      local key, subtype = self:key_of(existing), normalise.fold(existing.subType)
      local bucket = buckets[key] or { all = {}, by = {} }
      buckets[key], bucket.by[subtype] = bucket, bucket.by[subtype] or {}
      table.insert(bucket.all, existing)
      table.insert(bucket.by[subtype], existing)
    end
  end
  local pending = {}
  for _, wanted in ipairs(order) do
    self.breathe()
    local best, best_differs
    local bucket = buckets[wanted.group]
    local candidates = bucket and (wanted.subtype and bucket.by[wanted.subtype] or not wanted.subtype and bucket.all)
    for _, existing in ipairs(candidates or NONE) do
      self.breathe()
      local fits = not self.claimed[existing]
      if fits and wanted.absent then
        self:remove(wanted, existing)
      elseif fits then
        -- The first that needs nothing done; else the oldest (self.existing is in that order).
        local differs = differs_from(wanted, existing, self.numbering)
        if not best or best_differs and not differs then
          best, best_differs = existing, differs
        end
      end
    end
    if best then
      self:settle(wanted, best)
    elseif not wanted.absent then
      pending[#pending + 1] = wanted
    end
  end
  return pending
end

-- What of the existing may give way to a desired one or be deleted.
function Reconcile:leftovers()
  local list = {}
  for _, existing in ipairs(self.existing) do
    self.breathe()
    if not self.claimed[existing] and self.in_scope(existing.type, existing.subType) then
      if self.guarded[existing] then
        self.guarded_leftovers = self.guarded_leftovers + 1
      elseif not self.taints_all and not self.tainted[existing.type or ""] then
        list[#list + 1] = existing
      end
    end
  end
  return list
end

-- One existing info becomes a desired one, in one request instead of two.
function Reconcile:replace(wanted, existing)
  local form = wanted.form
  if form.subType == nil and not wanted.nulls.subType and existing.subType ~= nil then
    -- The subtype is left open: what is there keeps its own, where that makes a valid model.
    local with = overlay(wanted, { subType = existing.subType })
    if self.validate(with, self.owner) then
      form = with
    end
  end
  self:update(wanted, existing, form, "replaced")
end

local function slot_of(info)
  return normalise.fold(info.type) .. "\30" .. normalise.fold(info.subType) .. "\30"
    .. (info.type == "custom" and normalise.fold(info.label) or "")
end

-- With prune: pairs desired infos that are missing with leftovers of the same type, the likest first: the same value
-- under another subtype, then the same subtype, then any of the type. Returns what is left of both.
function Reconcile:pair(pending, leftovers)
  local passes = {
    function(info) return self:key_of(info) end,
    slot_of,
    function(info) return normalise.fold(info.type) end,
  }
  local partner, taken = {}, {}
  for _, key_of in ipairs(passes) do
    local queues = {}
    for _, existing in ipairs(leftovers) do
      self.breathe()
      if not taken[existing] then
        local key = key_of(existing)
        queues[key] = queues[key] or { first = 1 }
        table.insert(queues[key], existing)
      end
    end
    for _, wanted in ipairs(pending) do
      self.breathe()
      local queue = not partner[wanted] and queues[key_of(wanted.form)]
      local existing = queue and queue[queue.first]
      if existing then
        queue.first = queue.first + 1
        partner[wanted], taken[existing] = existing, true
      end
    end
  end
  for _, wanted in ipairs(pending) do
    self.breathe()
    if partner[wanted] then
      self:replace(wanted, partner[wanted])
    else
      self:create(wanted)
    end
  end
  for _, existing in ipairs(leftovers) do
    self.breathe()
    if not taken[existing] then
      self:delete(existing, "not desired")
    end
  end
end

-- Without prune: a desired info that says `replace` takes the place of the one info with its type and subtype, if there
-- is exactly one of each. Everything else is added beside what is there.
function Reconcile:add(pending, leftovers)
  local there, missing = {}, {}
  for _, existing in ipairs(leftovers) do
    self.breathe()
    local slot = slot_of(existing)
    there[slot] = there[slot] or {}
    table.insert(there[slot], existing)
  end
  for _, wanted in ipairs(pending) do
    self.breathe()
    local slot = slot_of(wanted.form)
    missing[slot] = (missing[slot] or 0) + 1
  end
  for _, wanted in ipairs(pending) do
    self.breathe()
    local replaces = wanted.replace
    if replaces == nil then
      replaces = self.replace_all
    end
    local slot = slot_of(wanted.form)
    if replaces and missing[slot] == 1 and there[slot] and #there[slot] == 1 then
      self:replace(wanted, there[slot][1])
    else
      self:create(wanted)
    end
  end
end

local M = { form_of = form_of, older = older }

-- What exists, by key and subtype: the contact info, or false where there are several. Only those with a subtype.
local function index_of(existing, numbering, breathe)
  local index = {}
  for i = 1, #existing do
    local info = existing[i]
    if type(info.subType) == "string" then
      local key = group_key(info, numbering) .. "\30" .. info.subType
      index[key] = index[key] == nil and info
    end
    breathe()
  end
  return index
end

-- Does what exists under the key of a plain desired info (type and subtype stated, no id, not to be absent) meet it?
local function meets(info, candidate, numbering)
  for i = 1, #FIELDS do
    local field = FIELDS[i]
    local value, other = info[field], candidate[field]
    if value ~= nil and value ~= other and (field == "isAddress" and other ~= nil
      or field ~= "isAddress" and not same_field(field, value, other, info.type, numbering)) then
      return false
    end
  end
  return not (info.type == "address" and candidate.isAddress == false)
end

--- Is there plainly nothing to do for someone? The short way to the answer for most people, at a fraction of what
-- reconcile() allocates; where it is not plain, reconcile() decides.
-- @param existing, items, context as for reconcile()
-- @return { keep=, in_scope=, guarded=, out_of_scope= }, or nil when it is not plain
function M.nothing_to_do(existing, items, context)
  local claimed, keep, out_of_scope, index = {}, 0, 0, nil
  local validate, numbering = context.validate or core.validate, context.numbering
  local breathe = context.breathe or no_breath
  for i = 1, #items do
    local info = items[i].info
    if type(info) ~= "table" or getmetatable(info) or info.id ~= nil or info.absent ~= nil or info.replace ~= nil
      or info.source ~= nil or type(info.type) ~= "string" or type(info.subType) ~= "string" or info.subType == "" then
      return nil
    end
    for _, value in next, info do
      if value == null then
        return nil
      end
    end
    if not context.in_scope(info.type, info.subType) then
      out_of_scope = out_of_scope + 1
    else
      local ok, warnings = validate(info, context.owner)
      index = index or index_of(existing, numbering, breathe)
      local there = ok and not warnings and index[group_key(info, numbering) .. "\30" .. info.subType]
      -- One that two desired ones mean is a duplicate: not plain.
      if not there or there.type ~= info.type or there.subType ~= info.subType or claimed[there]
        or not meets(info, there, numbering) then
        return nil
      end
      claimed[there], keep = true, keep + 1
    end
    breathe()
  end
  local in_scope, guarded = 0, 0
  for i = 1, #existing do
    local info = existing[i]
    if context.in_scope(info.type, info.subType) then
      in_scope = in_scope + 1
      if not claimed[info] then
        if context.guarded[info] then
          guarded = guarded + 1
        elseif context.prune then
          return nil
        end
      end
    end
    breathe()
  end
  return { keep = keep, in_scope = in_scope, guarded = guarded, out_of_scope = out_of_scope }
end

--- Compares what one person (or company) has with what they should have.
-- @param existing list of contact infos as awork gave them
-- @param items list of { info = desired contact info, source =, entry = }
-- @param context { owner = "user"|"company", numbering =, prune =, replace =, in_scope = fn(type, subType), guarded =
--   { [existing info] = reason }, taints_all = (nothing is deleted), tainted = { [type] = true } (nothing of that
--   type), taken = fn(email's key), validate = fn(form, owner, strict,
--   before), breathe = called now and then, to let others run }
-- @return { changes=, keeps=, problems=, warnings=, skipped=, in_scope=, out_of_scope=, guarded= }
function M.reconcile(existing, items, context)
  local self = setmetatable({ owner = context.owner, numbering = context.numbering, in_scope = context.in_scope,
    guarded = context.guarded or {}, taken = context.taken, validate = context.validate or core.validate,
    replace_all = context.replace or false, taints_all = context.taints_all or false, existing = {}, tainted = {},
    claimed = {}, groups = {}, noted = 0, keys = {}, breathe = context.breathe or no_breath, removals = {},
    changes = {}, deletes = {}, keeps = {}, problems = {}, warnings = {}, skipped = {}, out_of_scope = 0,
    guarded_leftovers = 0 }, Reconcile)
  for kind in pairs(context.tainted or {}) do
    self.tainted[kind] = true
  end
  local in_scope = 0
  for _, info in ipairs(existing) do
    if type(info) == "table" then
      self.existing[#self.existing + 1] = info
      in_scope = in_scope + (self.in_scope(info.type, info.subType) and 1 or 0)
    end
    self.breathe()
  end
  self.existing = sorting.sorted(self.existing, older, self.breathe)
  local pending, unhindered = self:match(self:group(self:by_id(items))), {}
  for _, wanted in ipairs(pending) do
    self.breathe()
    -- What was to be kept as it is, and is not there for it after all, must be what can be created.
    local ok = not wanted.lenient or self:valid(wanted, wanted.form)
    if ok and not self:conflicts(wanted, wanted.form) then
      unhindered[#unhindered + 1] = wanted
    end
  end
  local leftovers = self:leftovers()
  if context.prune then
    self:pair(unhindered, leftovers)
  else
    self:add(unhindered, leftovers)
  end
  -- Deletions come last: nobody is without a number in between, and a run cut short has lost nothing.
  for _, change in ipairs(self.deletes) do
    self.breathe()
    self.changes[#self.changes + 1] = change
  end
  return { changes = self.changes, keeps = self.keeps, problems = self.problems, warnings = self.warnings,
    skipped = self.skipped, in_scope = in_scope, out_of_scope = self.out_of_scope, guarded = self.guarded_leftovers }
end

return M
