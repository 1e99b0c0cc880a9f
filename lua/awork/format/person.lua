--- What the formats make and take: a person.
--
--     { user = id or email, firstName =, lastName =, active = (SCIM), extra = (if asked for),
--       contact_infos = { { type =, subType =, value = … } … },
--       source = { format =, file =, row =, line =, columns = { … }, unknown = { … } } }
--
-- `source.columns[i]` says where the i-th contact info stands: a column's name (a property's, in a vCard), or a table
-- of field → column's name. `source.unknown` lists what was not understood of the file (CSV) or of the card, and may
-- hold contact infos: `{ name =, what = "column"|"property"|"attribute"|"key", types = { type … } or nil for any,
-- ignored = true for what the caller leaves out though it is understood }`. A plan deletes nothing of those types. Such
-- tables are shared between persons: read them only.
local core = require "awork.core"
local stream = require "awork.format.stream"
local text = require "awork.format.text"

local M = {}

-- Fields of a contact info that are text, in the order in which the API documents them.
local FIELDS = {}
for _, field in ipairs(core.fields()) do
  if field.type == "string" then FIELDS[#FIELDS + 1] = field.name end
end
M.fields = FIELDS

--- First and last name of "Anna Lena Weiß" or "Weiß, Anna Lena"; a single word is a last name.
function M.split_name(name)
  name = text.trim(name)
  local first, last
  local comma = name:find(",", 1, true)
  if comma and comma < #name and not name:find(",", comma + 1, true) then
    last, first = text.trim(name:sub(1, comma - 1)), text.trim(name:sub(comma + 1))
  else
    first, last = name:match "^(.*)[ \t\r\n\v\f]([^ \t\r\n\v\f]+)$"
    first, last = first and text.trim(first), last or name
  end
  return first ~= "" and first or nil, last ~= "" and last or nil
end

local COUNTRIES = {}
for _, code in ipairs(core.countries()) do COUNTRIES[code] = code end

--- The ISO 3166-1 alpha-2 code for a country's code or its English or German name; the text itself if none is meant.
function M.country(name) return COUNTRIES[name] or core.country_code(name) or name end

-- A word with an @ and something on both sides: enough to tell an address from a name.
local function is_email(s) return type(s) == "string" and s:find "^[^@%s]+@[^@%s]+$" ~= nil end
M.is_email = is_email

--- The default user key of a list of contact infos: the first email address for work, else the only email address.
function M.email_of(contact_infos)
  local only, count = nil, 0
  for _, info in ipairs(contact_infos) do
    if info.type == "email" and is_email(info.value) then
      if info.subType == "work" then return info.value end
      only, count = info.value, count + 1
    end
  end
  return count == 1 and only or nil
end

--- A user of the API (as `GET /users` gives it, with `userContactInfos`) as a person. Contact infos keep the fields of
-- the form alone; the key is the user's id.
function M.from_user(user)
  local contact_infos = {}
  for _, info in ipairs(type(user.userContactInfos) == "table" and user.userContactInfos or {}) do
    local copy = {}
    for _, field in ipairs(FIELDS) do copy[field] = info[field] end
    if info.isAddress or info.type == "address" then copy.isAddress = true end
    contact_infos[#contact_infos + 1] = copy
  end
  return { user = user.id, firstName = user.firstName, lastName = user.lastName, contact_infos = contact_infos }
end

--- Where the `index`-th contact info of a person (or its field `property`) stands in the file it was read from, for a
-- message: `"people.csv: row 17 (line 18), column 'PLZ'"`; nil for a person that was not read from a file.
function M.where(person, index, property)
  local source = person.source
  if not source then return nil end
  local column = index and source.columns and source.columns[index]
  if index and source.format == "json" then
    column = ("contact_infos[%d]"):format(index) .. (property and "." .. property or "")
  end
  if type(column) == "table" then
    column = column[property or "value"] or column.addressLine1 or select(2, next(column))
  end
  return stream.place {
    file = source.file, row = source.row, line = source.line, unit = source.unit,
    column = source.format == "csv" and column or nil,
    property = source.format ~= "csv" and (column or property) or nil,
  }
end

--- Checks the shape of what is to be written: nil, or an error that says what is wrong. Values are the validator's.
-- `any`: the format can also say what a plan is told beside plain contact infos, `absent` and the like.
function M.check(person, row, any)
  local function fail(message, ...) return stream.fail("type", message:format(...), { row = row, unit = "person" }) end
  if type(person) ~= "table" then return fail("a person must be a table, got %s", type(person)) end
  for _, field in ipairs { "user", "firstName", "lastName" } do
    local v = person[field]
    if v ~= nil and (type(v) ~= "string" or not utf8.len(v)) then return fail("%s must be UTF-8 text", field) end
  end
  if type(person.contact_infos or {}) ~= "table" then return fail("contact_infos must be a list") end
  for i, info in ipairs(person.contact_infos or {}) do
    if type(info) ~= "table" then return fail("contact info %d must be a table", i) end
    for _, field in ipairs(FIELDS) do
      local v = info[field]
      if v ~= nil and v ~= core.null and (type(v) ~= "string" or not utf8.len(v)) then
        return fail("contact info %d: %s must be UTF-8 text, got %s", i, field, type(v))
      end
    end
    if info.absent and not any then return fail("contact info %d: only JSON can say 'absent'", i) end
  end
end

--- The beginning of a text, of at most `most` characters (40), fit for a message.
function M.excerpt(s, most)
  most = most or 40
  s = text.trim(s):gsub("[\0-\31\127]+", " ")
  if not utf8.len(s) then s = s:gsub("[\x80-\xFF]", "?") end
  if utf8.len(s) > most then s = s:sub(1, utf8.offset(s, most - 2) - 1) .. "..." end
  return s
end

return M
