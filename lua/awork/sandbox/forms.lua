--- What the server checks of a body: an independent reading of the contract's forms, laxer than a client's.
-- Messages and property names are in the server's manner: `{ property = "SubType", message = "…" }`.
local cjson = require "cjson"

local query = require "awork.sandbox.query"

local null = cjson.null
local forms = {}

local LENGTHS = {
  label = 1000, value = 1000, type = 25, subType = 25, addressLine1 = 1000, addressLine2 = 100, zipCode = 100,
  city = 100, state = 100, country = 100, isAddress = "boolean",
}

-- type = subtypes; false: any
local TYPES = {
  user = {
    phone = "|work|mobile|home|work Fax|fax|other|", email = "|work|private|other|",
    address = "|work|home|other|", messenger = "|skype|whatsapp|other|",
    social = "|facebook|twitter|xing|linkedIn|instagram|pinterest|other|",
    urls = "|work|private|gitHub|other|", custom = false,
  },
  company = {
    phone = "|central|other|", email = "|central|invoice|other|", address = "|central|invoice|other|",
    url = "|primary|other|", custom = false,
  },
}

local USER = {
  firstName = 1000, lastName = 1000, birthDate = "date", gender = 25, title = 100, position = 1000, language = 25,
}

local function pascal(name)
  return name:sub(1, 1):upper() .. name:sub(2)
end

-- Every field's type and length, and that there is no other field. Nulls become absent, in place.
local function check_fields(form, fields, errors)
  for name, value in pairs(form) do
    local rule = fields[name]
    if rule == nil then
      errors[#errors + 1] = { property = tostring(name), message = "'" .. tostring(name) .. "' is not a known field." }
    elseif value == null then
      if rule == "boolean" then
        errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' must not be null." }
      end
      form[name] = nil
    elseif rule == "boolean" then
      if type(value) ~= "boolean" then
        errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' must be a boolean." }
      end
    elseif type(value) ~= "string" then
      errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' must be a string." }
    elseif rule == "date" then
      if not (value:find "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d" and query.time(value, true)) then
        errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' must be a date-time." }
      end
    else
      local length = utf8.len(value)
      if not length then
        errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' is not valid UTF-8." }
      elseif length > rule then
        errors[#errors + 1] = {
          property = pascal(name),
          message = ("The length of '%s' must be %d characters or fewer. You entered %d characters."):format(
            pascal(name), rule, length),
        }
      end
    end
  end
  -- In an order that does not change from one run to the next.
  table.sort(errors, function(a, b) return a.property:lower() < b.property:lower() end)
end

local function require_field(form, name, errors)
  if form[name] == nil or form[name] == "" then
    errors[#errors + 1] = { property = pascal(name), message = "'" .. pascal(name) .. "' should not be empty." }
  end
end

--- Check a contact info's form; nulls in it become absent.
-- What is stored may be older than the rules: a field that a PUT leaves as it is, under the same type, is not refused.
-- @param form table
-- @param owner "user"|"company"
-- @param stored? table what a PUT replaces
-- @return nil, or the list of `{ property=, message= }`
function forms.contact_info(form, owner, stored)
  local errors = {}
  local function kept(name)
    return stored ~= nil and form.type == stored.type and form[name] == stored[name]
  end
  check_fields(form, LENGTHS, errors)
  if errors[1] then return errors end
  if owner == "company" then
    require_field(form, "type", errors)
    if form.type and form.type ~= "custom" and not kept "subType" then require_field(form, "subType", errors) end
  end
  local kind, sub = form.type, form.subType
  if kind then
    local subs = TYPES[owner][kind]
    if kept "subType" then
      subs = false
    end
    if subs == nil then
      errors[#errors + 1] = { property = "Type", message = "'" .. kind .. "' is not a valid type." }
    elseif subs and sub and sub ~= "" and not subs:find("|" .. sub .. "|", 1, true) then
      errors[#errors + 1] = { property = "SubType", message = "'" .. sub .. "' is not a valid sub type." }
    end
  end
  if form.isAddress then
    for _, name in ipairs { "addressLine1", "zipCode", "city", "country" } do
      if not (kept(name) and kept "isAddress") then require_field(form, name, errors) end
    end
  end
  return errors[1] and errors or nil
end

--- Check a user's form; nulls in it become absent.
-- @return nil, or the list of `{ property=, message= }`
function forms.user(form)
  local errors = {}
  check_fields(form, USER, errors)
  return errors[1] and errors or nil
end

--- Check the form that archives.
-- @return nil, or the list of `{ property=, message= }`
function forms.archived(form)
  local errors = {}
  check_fields(form, { isArchived = "boolean" }, errors)
  if not errors[1] then require_field(form, "isArchived", errors) end
  return errors[1] and errors or nil
end

--- The names of a user's form.
forms.user_fields = USER

return forms
