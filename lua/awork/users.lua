--- Users and companies, as far as contact infos need them.
local core = require "awork.core"
local errors = require "awork.error"
local resource = require "awork.resource"
local time = require "awork.time"

local check_id = resource.check_id

--- `client.users`. All methods return `nil, err` if the world does not play along, and raise on arguments of a wrong
-- type and on a closed client.
---@class awork.Users
local Users = { __name = "awork.users" }
Users.__index = Users

--- `client.companies`; the same contract.
---@class awork.Companies
local Companies = { __name = "awork.companies" }
Companies.__index = Companies

local users = {}

-- What PUT /users/{userId} takes; max is in code points. awork API: all optional.
local FIELDS = {
  firstName = { max = 1000 },
  lastName = { max = 1000 },
  birthDate = { date = true },
  gender = { max = 25 },
  title = { max = 100 },
  position = { max = 1000 },
  language = { max = 25 },
}

local LIST_EXTRA = { showArchived = "boolean" }

-- The session of a resource, here alone: whoever holds a client could ask it for the token.
local sessions = setmetatable({}, { __mode = "k" })

function users.users(session)
  local self = setmetatable({}, Users)
  sessions[self] = session
  return self
end

function users.companies(session)
  local self = setmetatable({}, Companies)
  sessions[self] = session
  return self
end

local function check_open(self)
  if sessions[self].closed then
    error("awork: the client is closed", 3)
  end
end

local function check_user(self, name, id, what)
  if sessions[self].closed then
    error("awork: the client is closed", 3)
  elseif type(id) ~= "string" then
    error(("bad argument #1 to '%s' (%s: string expected, got %s)"):format(name, what or "user_id", type(id)), 3)
  end
  return check_id(id, what or "user_id")
end

-- The object of an answer, true if it has none (it succeeded, whatever it says); or nil and the error.
local function answer(value, err)
  if value == nil then
    return nil, err
  end
  return type(value) == "table" and value or true
end

local function failing(err)
  return function()
    local once = err
    err = nil
    if once then
      return false, once
    end
    return nil
  end
end

local function each(session, path, err, options, extra)
  if err then
    return failing(err)
  end
  return resource.each(session, path, options, extra)
end

--- The user of the token, with their `workspace`. awork API: GET /users/me.
-- An API key acts as an API user: it is that one.
---@return table? user
---@return table? err
function Users:me()
  check_open(self)
  local user, err = sessions[self]:fetch("GET", "/users/me")
  return user, err
end

--- Lists the workspace's API users: an API key acts as one of them. They are among the users that `list` gives, and are
-- nobody's colleague. awork API: GET /apiusers; an admin, or workspace-manage-config:read.
---@return table[]? list { id =, name =, roleId =, clientId =, … }
---@return table? err
function Users:api_users()
  check_open(self)
  local list, err = sessions[self]:fetch("GET", "/apiusers")
  return list, err
end

--- Lists users, one page, each with contact infos embedded as `userContactInfos`. awork API: GET /users.
---@param options? { page: integer?, pageSize: integer?, filterby: string?, orderby: string?, showArchived: boolean? }
---@return table? list
---@return table page_info { page, page_size, items, total_items }; err if there is no list
function Users:list(options)
  check_open(self)
  local err = resource.check_list(options, LIST_EXTRA, 1, "list", 2)
  if err then
    return nil, err
  end
  local list, info = resource.list(sessions[self], "/users", options, LIST_EXTRA)
  return list, info
end

--- Iterates over all users, 1000 a request; the last step gives `false, err` if a page can't be had.
---@param options? table as for list
---@return fun(): table|false|nil, table?
function Users:each(options)
  check_open(self)
  local err = resource.check_list(options, LIST_EXTRA, 1, "each", 2)
  return each(sessions[self], "/users", err, options, LIST_EXTRA)
end

--- Reads a user, with their contact infos. awork API: GET /users/{userId}.
---@param user_id string
---@return table? user
---@return table? err
function Users:get(user_id)
  local err = check_user(self, "get", user_id)
  if err then
    return nil, err
  end
  local user
  user, err = sessions[self]:fetch("GET", "/users/" .. user_id)
  return user, err
end

local function violation(list, property, rule, message, limit, got)
  local found = { property = property, rule = rule, message = message, limit = limit, got = got }
  list[#list + 1] = found
  return found
end

-- awork's description asks for RFC 3339: a time without an offset means another day to another server.
-- Offsets go to fourteen hours, years begin with 1, and minutes have sixty seconds in what reads it there (.NET).
local function check_date(list, name, value)
  local right = time.rfc3339(value)
  if right then
    local hours, minutes = right:match "[+-](%d%d):(%d%d)$"
    local far = hours and (tonumber(minutes) > 59 or tonumber(hours) * 60 + tonumber(minutes) > 14 * 60)
    if far or right:find "^0000" or right:find "T..:..:60" then
      right = nil
    end
  end
  if right == value then
    return
  end
  local found = violation(list, name, "date-time",
    ("'%s' must be a date-time with an offset or Z, like 1984-05-23T00:00:00Z"):format(name), nil,
    errors.excerpt(value))
  if right then
    found.hint, found.suggestion = ('did you mean "%s"?'):format(right), right
  end
end

-- Everything that is wrong with the fields of a user, or nil.
local function check_fields(fields)
  local found = {}
  for name, value in next, fields do
    local field = FIELDS[name]
    if not field then
      local property = errors.text_of(name)
      violation(found, property, "unknown-field", ("'%s' is no field of a user that can be set"):format(property))
    elseif value == core.null then
      goto continue
    elseif type(value) ~= "string" then
      violation(found, name, "type", ("'%s' must be a string, not a %s"):format(name, type(value)), nil, type(value))
    elseif not core.utf8(value) then
      violation(found, name, "utf8", ("'%s' is not valid UTF-8"):format(name))
    elseif field.date then
      check_date(found, name, value)
    else
      local length = utf8.len(value)
      if length > field.max then
        violation(found, name, "length",
          ("'%s' has %d characters, at most %d are allowed"):format(name, length, field.max), field.max, length)
      end
    end
    ::continue::
  end
  if not found[1] then
    return nil
  end
  table.sort(found, function(a, b)
    return a.property < b.property
  end)
  local validation_errors, messages = {}, {}
  for i, entry in ipairs(found) do
    validation_errors[i] = { property = entry.property, message = entry.message }
    messages[i] = entry.hint and ("%s (%s)"):format(entry.message, entry.hint) or entry.message
  end
  return errors.new {
    kind = "validation", code = "validation-failed", description = table.concat(messages, "; "), retryable = false,
    violations = found, validationErrors = validation_errors,
  }
end

--- Changes a user. awork API: PUT /users/{userId}; firstName, lastName, position up to 1000 characters, title up to
-- 100, gender and language up to 25, birthDate a date-time with an offset or Z. What it does to fields left out is
-- undocumented: to be safe, send all. `awork.null` clears a field.
---@param user_id string
---@param fields table
---@return table|true|nil user as awork answers; true if it answers nothing
---@return table? err
function Users:update(user_id, fields)
  local err = check_user(self, "update", user_id)
  if type(fields) ~= "table" then
    error(("bad argument #2 to 'update' (table expected, got %s)"):format(type(fields)), 2)
  end
  local session = sessions[self]
  err = err or session.validate and check_fields(fields) or nil
  if err then
    return nil, err
  end
  local body, message, path = session.codec.encode(fields)
  if not body then
    return nil, errors.invalid("validation-failed", path ~= "" and path or "?", "type", message)
  end
  return answer(session:call("PUT", "/users/" .. user_id, body))
end

--- Deletes a user. awork API: DELETE /users/{userId}.
---@param user_id string
---@return true? ok also if a retry found them gone: the first try did it
---@return table? err
function Users:delete(user_id)
  local err = check_user(self, "delete", user_id)
  if err then
    return nil, err
  end
  local result, raw
  result, err, raw = sessions[self]:send("DELETE", "/users/" .. user_id)
  if result or (raw and raw.status == 404 and raw.retried) then
    return true
  end
  return nil, err
end

-- What may be sent twice without harm, though it is a POST.
local IDEMPOTENT = { safe = true }

--- Activates a user. awork API: POST /users/{userId}/activate.
---@param user_id string
---@return true? ok
---@return table? err
function Users:activate(user_id)
  local err = check_user(self, "activate", user_id)
  if err then
    return nil, err
  end
  local result
  result, err = sessions[self]:send("POST", "/users/" .. user_id .. "/activate", nil, IDEMPOTENT)
  if result then
    return true
  end
  return nil, err
end

--- Deactivates a user. awork API: POST /users/{userId}/deactivate.
---@param user_id string
---@param options? { include_summary: boolean? } include_summary: awork answers with a summary
---@return true|table|nil ok or the summary
---@return table? err
function Users:deactivate(user_id, options)
  local err = check_user(self, "deactivate", user_id)
  if options ~= nil then
    if type(options) ~= "table" then
      error(("bad argument #2 to 'deactivate' (table expected, got %s)"):format(type(options)), 2)
    end
    for name, value in next, options do
      if name ~= "include_summary" or type(value) ~= "boolean" then
        error(("bad argument #2 to 'deactivate' (unknown or ill-typed option '%s')"):format(tostring(name)), 2)
      end
    end
  end
  if err then
    return nil, err
  end
  return answer(sessions[self]:call("POST", "/users/" .. user_id .. "/deactivate", nil, {
    safe = true, query = options and options.include_summary and "?includeSummary=true" or nil,
  }))
end

--- Archives a user, or takes them out of the archive. awork API: POST /users/{userId}/setarchived.
---@param user_id string
---@param archived boolean
---@return table|true|nil ok what awork answers; true if it answers nothing
---@return table? err
function Users:set_archived(user_id, archived)
  local err = check_user(self, "set_archived", user_id)
  if type(archived) ~= "boolean" then
    error(("bad argument #2 to 'set_archived' (boolean expected, got %s)"):format(type(archived)), 2)
  elseif err then
    return nil, err
  end
  local body = archived and '{"isArchived":true}' or '{"isArchived":false}'
  return answer(sessions[self]:call("POST", "/users/" .. user_id .. "/setarchived", body, IDEMPOTENT))
end

--- What awork guesses of a person from an email address. awork API: GET /users/autofill/{email}.
---@param email string
---@return table? guess { firstName =, lastName =, gender = }; an empty table if awork has no guess
---@return table? err
function Users:autofill(email)
  check_open(self)
  if type(email) ~= "string" then
    error(("bad argument #1 to 'autofill' (string expected, got %s)"):format(type(email)), 2)
  elseif not email:find "^[^@%s/]+@[^@%s/]+$" or email:find "[\0-\31\127]" or not core.utf8(email) then
    return nil, errors.invalid("invalid-email", "email", "email-format",
      "'email' must be an address like name@example.com")
  end
  local session, path = sessions[self], "/users/autofill/" .. core.escape(email)
  local guess, raw = session:call("GET", path)
  if guess == true then
    return {}
  elseif type(guess) == "table" then
    return guess
  elseif guess == nil then
    return nil, raw
  end
  return nil, session:unreadable(raw, "GET", path, "unexpected-answer", "the answer is no JSON object")
end

--- Lists companies, one page, each with contact infos embedded as `companyContactInfos`. awork API: GET /companies.
---@param options? { page: integer?, pageSize: integer?, filterby: string?, orderby: string? }
---@return table? list
---@return table page_info { page, page_size, items, total_items }; err if there is no list
function Companies:list(options)
  check_open(self)
  local err = resource.check_list(options, nil, 1, "list", 2)
  if err then
    return nil, err
  end
  local list, info = resource.list(sessions[self], "/companies", options)
  return list, info
end

--- Iterates over all companies, 1000 a request; the last step gives `false, err` if a page can't be had.
---@param options? table as for list
---@return fun(): table|false|nil, table?
function Companies:each(options)
  check_open(self)
  local err = resource.check_list(options, nil, 1, "each", 2)
  return each(sessions[self], "/companies", err, options)
end

--- Reads a company, with its contact infos. awork API: GET /companies/{companyId}.
---@param company_id string
---@return table? company
---@return table? err
function Companies:get(company_id)
  local err = check_user(self, "get", company_id, "company_id")
  if err then
    return nil, err
  end
  local company
  company, err = sessions[self]:fetch("GET", "/companies/" .. company_id)
  return company, err
end

return users
