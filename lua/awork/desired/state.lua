--- The contact infos of one person while a plan is applied: what is there, and what will be once the changes decided on
-- are made. Indexed, so that neither deciding nor assuming looks at all of them for each change.
local normalise = require "awork.desired.normalise"
local odd = require "awork.desired.odd"

local FIELDS = normalise.FIELDS

local M = {}

local State = {}
State.__index = State

local SEPARATOR = "\29"

-- Records of infos under one key. Those that went are dropped when they are met.
local function put(buckets, key, record)
  local bucket = buckets[key]
  if not bucket then
    bucket = { count = 0, first = 1, last = 0 }
    buckets[key] = bucket
  end
  bucket.last = bucket.last + 1
  bucket[bucket.last] = record
  bucket.count = bucket.count + 1
end

local function front(bucket)
  while bucket.first <= bucket.last and not bucket[bucket.first].there do
    bucket[bucket.first] = nil
    bucket.first = bucket.first + 1
  end
  return bucket[bucket.first]
end

-- An index by what a form states: its group, its subtype if it states one, and some fields. An info that does not say
-- whether it is an address is equal to either.
local function keys_by_form(self, index, info)
  local parts = { normalise.group_key(info, self.numbering) }
  if index.subtype then
    parts[2] = normalise.fold(info.subType)
  end
  local kind, either = normalise.fold(info.type), nil
  for _, field in ipairs(index.fields) do
    if field == "isAddress" and info.isAddress == nil then
      either = #parts + 1
    end
    parts[#parts + 1] = normalise.field_key(field, info[field], kind, self.numbering)
  end
  local key = table.concat(parts, SEPARATOR)
  if not either then
    return key
  end
  parts[either] = "1"
  return key, table.concat(parts, SEPARATOR)
end

-- An index by all fields, to the letter.
local function keys_by_letter(_, _, info)
  local parts = {}
  for i, field in ipairs(FIELDS) do
    parts[i] = odd.key(info[field]) or ""
  end
  return table.concat(parts, SEPARATOR)
end

local function enter(self, index, record)
  local key, other = index.keys(self, index, record.info)
  put(index.buckets, key, record)
  record.keys[index] = { key, other }
  if other then
    put(index.buckets, other, record)
  end
end

local function index_of(self, name, make)
  local index = self.indexes[name]
  if not index then
    index = make()
    index.buckets = {}
    self.indexes[name] = index
    for i = 1, #self.records do
      if self.records[i].there then
        enter(self, index, self.records[i])
      end
      self.breathe()
    end
  end
  return index
end

-- What a form states beside type and subtype, in a fixed order; and a name for that.
local function stated(form)
  local fields = {}
  for _, field in ipairs(FIELDS) do
    if form[field] ~= nil and field ~= "type" and field ~= "subType" then
      fields[#fields + 1] = field
    end
  end
  return fields, (form.subType ~= nil and "/" or "") .. table.concat(fields, " ")
end

local function bucket_of(self, form, fields, name)
  local index = index_of(self, name, function()
    return { fields = fields, subtype = form.subType ~= nil, keys = keys_by_form }
  end)
  local key = keys_by_form(self, index, form)
  return index, key, index.buckets[key]
end

--- The state of a list of contact infos.
-- @param infos list of tables, as awork gave them
-- @param numbering from normalise.numbering(), or nil
-- @param breathe called between small pieces of work
function M.new(infos, numbering, breathe)
  local self = setmetatable({ records = {}, by_id = {}, indexes = {}, numbering = numbering, breathe = breathe }, State)
  for _, info in ipairs(infos) do
    self:add(info)
    breathe()
  end
  return self
end

--- Adds a contact info.
-- @return its record { info = }
function State:add(info)
  local record = { info = info, there = true, keys = {} }
  self.records[#self.records + 1] = record
  local id = type(info.id) == "string" and normalise.lower(info.id)
  if id and not self.by_id[id] then
    self.by_id[id] = record
  end
  for _, index in pairs(self.indexes) do
    enter(self, index, record)
  end
  return record
end

--- Takes one away.
-- @param record from find, first or exact
function State:remove(record)
  record.there = false
  for index, keys in pairs(record.keys) do
    for _, key in ipairs(keys) do
      local bucket = index.buckets[key]
      bucket.count = bucket.count - 1
    end
  end
  local id = type(record.info.id) == "string" and normalise.lower(record.info.id)
  if id and self.by_id[id] == record then
    self.by_id[id] = nil
  end
end

--- The record of an id, or nil.
function State:find(id)
  return self.by_id[normalise.lower(id)]
end

--- Those that are equal in all that a form states, and whether there are others under its key.
-- @param form a contact info's fields
-- @return count, record of the first or nil, boolean
function State:equal(form)
  local fields, name = stated(form)
  local _, _, bucket = bucket_of(self, form, fields, name)
  local count = bucket and bucket.count or 0
  local _, _, group = bucket_of(self, form, {}, form.subType ~= nil and "/" or "")
  return count, count > 0 and front(bucket) or nil, (group and group.count or 0) > count
end

--- How many are equal in all that a form states, but for one.
-- @param form a contact info's fields
-- @param target a record, or nil
-- @return integer
function State:twins(form, target)
  local index, key, bucket = bucket_of(self, form, stated(form))
  local count = bucket and bucket.count or 0
  local keys = target and target.there and target.keys[index]
  if keys and (keys[1] == key or keys[2] == key) then
    count = count - 1
  end
  return count
end

--- Those that have the very same fields.
-- @return list of records
function State:exact(form)
  local index = index_of(self, "exact", function()
    return { keys = keys_by_letter }
  end)
  local bucket, list = index.buckets[keys_by_letter(self, index, form)], {}
  if bucket and front(bucket) then
    for i = bucket.first, bucket.last do
      if bucket[i].there then
        list[#list + 1] = bucket[i]
      end
    end
  end
  return list
end

return M
