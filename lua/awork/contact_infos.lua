--- Contact infos of users and of companies: one implementation over two base paths.
local core = require "awork.core"
local errors = require "awork.error"
local many = require "awork.many"
local readback = require "awork.readback"
local resource = require "awork.resource"
local users = require "awork.users"

-- Desired state is loaded when it is first asked for: most scripts, and most states of a host, never do.
local function desired_state()
  return require "awork.desired"
end

local bad_argument, check_id = resource.bad_argument, resource.check_id
local form_json = core.form_json

--- `client.contact_infos` and `client.company_contact_infos`.
--
-- All of them return `nil, err` if the world does not play along, and raise on arguments of a wrong type and on a
-- closed client. Permission: an admin, or the user themself, or user-master-data:read (get, list, each) and :write.
---@class awork.ContactInfos
local ContactInfos = { __name = "awork.contact_infos" }
ContactInfos.__index = ContactInfos

-- The form's fields in their order; what else comes back is the response's own and never sent.
local FIELDS = {}
for i, field in ipairs(core.fields()) do
  FIELDS[i] = field.name
end
local IS_FIELD = {}
for _, name in ipairs(FIELDS) do
  IS_FIELD[name] = true
end

-- The session of a resource, here alone: whoever holds a client could ask it for the token.
local sessions = setmetatable({}, { __mode = "k" })

local function path_of(self, owner_id)
  return resource.contact_infos_path(self._prefix, owner_id)
end

local contact_infos = {}

--- The resource of one owner.
---@param session table
---@param owner "user"|"company"
---@return awork.ContactInfos
function contact_infos.new(session, owner)
  local self = setmetatable({
    _owner = owner,
    _id_name = owner == "user" and "user_id" or "company_id",
    _prefix = owner == "user" and "/users/" or "/companies/",
    _template = false,
  }, ContactInfos)
  sessions[self] = session
  if session.validate and not session.hooks then
    -- What all creates have in common, for the core's short way.
    self._template = core.template {
      owner = owner, id_name = self._id_name, strict = session.strict, max_depth = session.codec.brief,
      prefix = session.base .. self._prefix, suffix = resource.CONTACT_INFOS, headers = session.json_headers,
    } or false
  end
  return self
end

-- The id arguments of a public method: raises on a wrong type, gives an error for what is no GUID.
local function check_ids(self, name, owner_id, info_id, with_info)
  if sessions[self].closed then
    error("awork: the client is closed", 3)
  elseif type(owner_id) ~= "string" then
    error(("bad argument #1 to '%s' (%s: string expected, got %s)"):format(name, self._id_name, type(owner_id)), 3)
  elseif with_info and type(info_id) ~= "string" then
    error(("bad argument #2 to '%s' (contact_info_id: string expected, got %s)"):format(name, type(info_id)), 3)
  end
  return check_id(owner_id, self._id_name) or with_info and check_id(info_id, "contact_info_id") or nil
end

-- The text to send for a contact info; or nil, err. whole: with null for what is absent, as a PUT wants it. before:
-- what is there now, so that the change is judged.
local function encode(self, info, whole, before)
  local session = sessions[self]
  if session.validate then
    return form_json(info, self._owner, session.strict, whole, before)
  end
  local body, message, path = session.codec.encode(info)
  if not body then
    return nil, errors.invalid("validation-failed", path ~= "" and path or "?", "type", message)
  end
  return body
end

-- { timeout=, retry= } of a single call, and `before` where `change` is true.
local function check_call(options, position, name, change)
  if options == nil then
    return nil
  elseif type(options) ~= "table" then
    error(("bad argument #%d to '%s' (table expected, got %s)"):format(position, name, type(options)), 3)
  end
  for key, value in next, options do
    local ok
    if key == "timeout" or key == "start_within" then
      ok = type(value) == "number" and value > 0 and value < math.huge
    elseif key == "retry" then
      ok = value == false or (math.type(value) == "integer" and value >= 0 and value <= 100)
    elseif key == "before" and change then
      if type(value) ~= "table" then
        error(("bad argument #%d to '%s' (option 'before': table expected, got %s)")
          :format(position, name, type(value)), 3)
      end
      ok = true
    else
      error(("bad argument #%d to '%s' (unknown option '%s')"):format(position, name, tostring(key)), 3)
    end
    if not ok then
      error(("bad argument #%d to '%s' (option '%s' is not valid: timeout and start_within are seconds above 0, "
        .. "retry false or a count)"):format(position, name, key), 3)
    end
  end
  return options
end

-- The parts of a create, for readback.create.
local function prepare(self, owner_id, info)
  local body, err = encode(self, info)
  if not body then
    return nil, err
  end
  return owner_id, body
end

--- Creates a contact info. awork API: POST /users/{userId}/contactinfo, /companies/{companyId}/contactinfo.
--
-- It is validated first (option `validate`), with `isAddress` set for an address. If the request may have taken effect
-- though no answer came (connection lost after it was sent, timeout, a status 5xx), the owner's contact infos are read
-- back: the one that this request made is adopted; if lists lack it that have had time to show it (`list_lag`), it is
-- posted again. So there is exactly one in the end, or an error; one with `ambiguous = true` says what to check.
-- docs: "Never twice, never lost".
---@param owner_id string GUID of the user or company
---@param info table
---@param options? { timeout: number?, retry: false|integer? } `retry = false`: neither retries nor reads back
---@return table? created as awork answers, with its `id`
---@return table? err
---@return boolean? adopted true if it was found by reading back
function ContactInfos:create(owner_id, info, options)
  local err = check_ids(self, "create", owner_id)
  if err then
    return nil, err
  elseif type(info) ~= "table" then
    bad_argument(2, "create", "table", info)
  end
  if options ~= nil then
    check_call(options, 3, "create")
  end
  local created, adopted
  created, err, adopted = readback.create(nil, sessions[self], self, owner_id, info, options, prepare)
  return created, err, adopted
end

--- Lists contact infos, one page. awork API: GET …/contactinfo.
---@param owner_id string
---@param options? { page: integer?, pageSize: integer?, filterby: string?, orderby: string? } page from 1, pageSize up
-- to 1000 and 1000 by default
---@return table? list
---@return table page_info { page, page_size, items, total_items } from the aw-* headers; err if there is no list
function ContactInfos:list(owner_id, options)
  local err = check_ids(self, "list", owner_id) or resource.check_list(options, nil, 2, "list", 2)
  if err then
    return nil, err
  end
  local list, info = resource.list(sessions[self], path_of(self, owner_id), options)
  return list, info
end

--- Iterates over all contact infos, 1000 a request.
--
--     for info, err in client.contact_infos:each(user_id) do
--       if not info then error(err) end
--       print(info.type, info.value)
--     end
--
-- If a page can't be had, the last step gives `false, err`.
---@param owner_id string
---@param options? table as for list
---@return fun(): table|false|nil, table?
function ContactInfos:each(owner_id, options)
  local err = check_ids(self, "each", owner_id) or resource.check_list(options, nil, 2, "each", 2)
  if err then
    return function()
      local once = err
      err = nil
      if once then
        return false, once
      end
      return nil
    end
  end
  return resource.each(sessions[self], path_of(self, owner_id), options)
end

--- Reads one contact info. awork API: GET …/contactinfo/{contactInfoId}.
---@param owner_id string
---@param info_id string
---@param options? { timeout: number?, retry: false|integer? }
---@return table? info
---@return table? err
function ContactInfos:get(owner_id, info_id, options)
  local err = check_ids(self, "get", owner_id, info_id, true)
  if err then
    return nil, err
  end
  check_call(options, 3, "get")
  local info
  info, err = sessions[self]:fetch("GET", path_of(self, owner_id) .. "/" .. info_id, nil, options)
  return info, err
end

-- Puts the whole model: what is not in `form` goes as null, so that it is cleared whatever the server does to fields
-- left out (undocumented). isAddress can't be null.
local function put(self, owner_id, info_id, info, options, before)
  local body, err = encode(self, info, true, before)
  if not body then
    return nil, err
  end
  local updated
  updated, err = sessions[self]:fetch("PUT", path_of(self, owner_id) .. "/" .. info_id, body, options)
  return updated, err
end

--- Replaces a contact info. awork API: PUT …/contactinfo/{contactInfoId}, with the whole model.
-- Fields that are not given are cleared. Response-only fields (`id`, `createdOn` …) are not taken: to change what was
-- read, use patch.
-- It is validated first. With the option `before`, the contact info as it is there, the change alone is judged: a
-- field that stays as it is may hold what awork took once and the rules of today forbid.
---@param owner_id string
---@param info_id string
---@param info table
---@param options? { timeout: number?, retry: false|integer?, before: table? }
---@return table? updated
---@return table? err
function ContactInfos:update(owner_id, info_id, info, options)
  local err = check_ids(self, "update", owner_id, info_id, true)
  if err then
    return nil, err
  elseif type(info) ~= "table" then
    bad_argument(3, "update", "table", info)
  end
  check_call(options, 4, "update", true)
  return put(self, owner_id, info_id, info, options, options and options.before)
end

--- Changes some fields of a contact info: reads it, merges, validates the change and puts the whole.
-- Validation judges the fields that change, and those that contradict them then; what was stored before is at most a
-- warning, so a contact info that breaks a rule of today can be changed all the same.
-- `awork.null` clears a field. If `type` changes and `isAddress` is not given, it follows the type. awork knows no
-- version of a contact info: what someone else changes between the read and the put is overwritten.
---@param owner_id string
---@param info_id string
---@param changes table
---@param options? { timeout: number?, retry: false|integer? } for each of the two requests
---@return table? updated
---@return table? err
function ContactInfos:patch(owner_id, info_id, changes, options)
  local err = check_ids(self, "patch", owner_id, info_id, true)
  if err then
    return nil, err
  elseif type(changes) ~= "table" then
    bad_argument(3, "patch", "table", changes)
  end
  check_call(options, 4, "patch")
  local current
  current, err = sessions[self]:fetch("GET", path_of(self, owner_id) .. "/" .. info_id, nil, options)
  if not current then
    return nil, err
  end
  local merged = {}
  for _, name in ipairs(FIELDS) do
    merged[name] = current[name]
  end
  if changes.type ~= nil and changes.type ~= merged.type and changes.isAddress == nil then
    merged.isAddress = nil
  end
  for name, value in next, changes do
    if value == core.null and IS_FIELD[name] then
      value = nil
    end
    merged[name] = value
  end
  return put(self, owner_id, info_id, merged, options, current)
end

--- Deletes a contact info. awork API: DELETE …/contactinfo/{contactInfoId}.
---@param owner_id string
---@param info_id string
---@param options? { timeout: number?, retry: false|integer? }
---@return true? ok also if a retry found it gone: the first try did it
---@return table? err
function ContactInfos:delete(owner_id, info_id, options)
  local err = check_ids(self, "delete", owner_id, info_id, true)
  if err then
    return nil, err
  end
  check_call(options, 3, "delete")
  local result, raw
  result, err, raw =
    sessions[self]:send("DELETE", path_of(self, owner_id) .. "/" .. info_id, nil, options)
  if result or (raw and raw.status == 404 and raw.retried) then
    return true
  end
  return nil, err
end

-- What a row of create_many says: the owner's id and the text to send; or nil, err.
local function read_row(self, row)
  local id_name = self._id_name
  if type(row) ~= "table" then
    return nil, errors.invalid("invalid-row", "?", "type",
      ("a row must be a table { %s =, info = }, got %s"):format(id_name, type(row)))
  end
  local owner_id, info = row[id_name], row.info
  if type(owner_id) ~= "string" then
    return nil, errors.invalid("invalid-row", id_name, "type",
      ("'%s' of a row must be a string, got %s"):format(id_name, type(owner_id)))
  elseif type(info) ~= "table" then
    return nil, errors.invalid("invalid-row", "info", "type",
      ("'info' of a row must be a table, got %s"):format(type(info)))
  end
  local err = check_id(owner_id, id_name)
  if err then
    return nil, err
  end
  return prepare(self, owner_id, info)
end

-- The same for readback.create: whatever is wrong with a row is its error; a metatable that raises, too.
local function prepare_row(self, row)
  local ok, owner_id, body = pcall(read_row, self, row)
  if not ok then
    return nil, errors.raised("row-failed", "a row", owner_id)
  end
  return owner_id, body
end

local function create_row(self, row, options, entry)
  return readback.create(entry, sessions[self], self, row, nil, options, prepare_row)
end

--- Creates many contact infos, several at once; see awork.many for the options and the report.
--
--     local report = client.contact_infos:create_many({ { user_id = id, info = { … } }, … }, { concurrency = 8 })
---@param rows table[]|fun(): table? a list, or an iterator that gives a row and in the end nil
---@param options? table
---@return table? report nil if a callback raised
---@return table? err
---@return table? partial the report so far, beside an err
function ContactInfos:create_many(rows, options)
  sessions[self]:check_open(2)
  -- No tail call: many.run blames this function's caller for a wrong argument.
  local report, err, partial = many.run(sessions[self], create_row, self, rows, options)
  return report, err, partial
end

-- What the desired-state half reads and writes through: the resources of a client.
local function resources(self)
  local session = sessions[self]
  session:check_open(3)
  return {
    users = users.users(session), companies = users.companies(session),
    contact_infos = self, company_contact_infos = self,
    yield = function() return session.scheduler:breathe() end,
  }
end

--- Finds users (companies, of `client.company_contact_infos`) by a contact info, over all pages, a thousand a request.
--
--     for _, hit in ipairs(assert(client.contact_infos:find { phone = "030/123", default_country = "DE" })) do
--       print(hit.user.id, hit.contact_info.value)
--     end
--
-- Criteria: email, phone, value, type, subType (all that are given must be so of one contact info), default_country
-- ("DE" or "49"), limit, archived (look among archived users too). Phones are compared by digits, email addresses and
-- hosts without regard to case; `value` is compared as the type of each contact info has it.
---@param criteria table
---@return table[]? found list of { user = (or company =), contact_info = }
---@return table? err
function ContactInfos:find(criteria)
  local found, err = desired_state().find(resources(self), self._owner, criteria)
  return found, err
end

--- Makes sure that a contact info is there: gives the one that is equal (type, subtype, normalised value or address,
-- and every other field that `info` has), or creates it. Changes nothing that exists.
---@param owner_id string
---@param info table
---@param options? { default_country: string? } "DE" or "49": whose phone numbers are written without a calling code
---@return table? info
---@return table|"existing"|"created" how which it was; err if there is none
function ContactInfos:ensure(owner_id, info, options)
  local found, how = desired_state().ensure(resources(self), self._owner, owner_id, info, options)
  return found, how
end

return contact_infos
