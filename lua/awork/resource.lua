--- What the resources share: paths, queries, pages.
local core = require "awork.core"
local errors = require "awork.error"

-- As they are now: what knows the session is not for a script that replaces them.
local next, setmetatable = next, setmetatable

local resource = {}

-- awork API: at most 1000 objects on a page; the default is given as 10 in one place and as 1000 in another, so it is
-- always sent.
local PAGE_SIZE = 1000
resource.PAGE_SIZE = PAGE_SIZE

-- awork API: an owner's contact infos are behind the owner's own path.
local CONTACT_INFOS = "/contactinfo"
resource.CONTACT_INFOS = CONTACT_INFOS

--- The path of an owner's contact infos.
---@param prefix string "/users/" or "/companies/"
---@param owner_id string
---@return string
function resource.contact_infos_path(prefix, owner_id)
  return prefix .. owner_id .. CONTACT_INFOS
end

-- Bytes of a query string. Servers take 8 to 16 KiB of a URL; the engine's own limit is above this one.
local QUERY_MAX = 32768

--- Raises about an argument of the public function that calls this.
---@param position integer
---@param name string the function
---@param expected string
---@param value any
function resource.bad_argument(position, name, expected, value)
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(position, name, expected, type(value)), 3)
end

--- The error for an id that is none, or nil. A GUID is checked before it goes into a path.
---@param id string
---@param property string
---@return table? err
function resource.check_id(id, property)
  if core.is_guid(id) then
    return nil
  end
  return errors.invalid("invalid-id", property, "guid",
    ("'%s' must be a GUID: 8-4-4-4-12 hexadecimal digits"):format(property))
end

local escape = core.escape

local function query_value(name, value)
  local kind = type(value)
  if kind == "string" then
    return escape(value)
  elseif kind == "boolean" or math.type(value) == "integer" then
    return tostring(value)
  elseif kind == "number" and value == value and value ~= math.huge and value ~= -math.huge then
    return escape(core.encode(value)) -- all its digits, and a point whatever the locale
  end
  return nil, ("query '%s': string, finite number, boolean or a list of them expected, got %s"):format(name, kind)
end

--- The query string of a table, names sorted; a list gives its name once for each item, null nothing.
---@param query? table
---@return string? text begins with "?", or is empty
---@return string? message what can't be sent
function resource.query(query)
  if not query or next(query) == nil then
    return ""
  end
  local names = {}
  for name, value in next, query do
    if type(name) ~= "string" or name == "" then
      return nil, "query: names must be strings that are not empty"
    elseif value ~= core.null then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local parts = {}
  for _, name in ipairs(names) do
    local value = query[name]
    for _, item in ipairs(type(value) == "table" and value or { value }) do
      local text, message = query_value(name, item)
      if not text then
        return nil, message
      end
      parts[#parts + 1] = escape(name) .. "=" .. text
    end
  end
  local text = parts[1] and "?" .. table.concat(parts, "&") or ""
  if #text > QUERY_MAX then
    return nil, ("query: it has %d bytes, at most %d can be sent"):format(#text, QUERY_MAX)
  end
  return text
end

-- What may be asked of a list, and of what Lua type it must be.
local LIST_OPTIONS = {
  page = "integer", pageSize = "integer", filterby = "string", orderby = "string", timeout = "number",
}

--- Checks the options of a list; raises about a name or a type, gives an error for a page out of range.
---@param options? table
---@param extra? table more names, to "boolean" and so on
---@param position integer of the argument
---@param name string the function, for the message
---@param level integer
---@return table? err
function resource.check_list(options, extra, position, name, level)
  if options == nil then
    return nil
  elseif type(options) ~= "table" then
    error(("bad argument #%d to '%s' (table expected, got %s)"):format(position, name, type(options)), level + 1)
  end
  for key, value in next, options do
    local kind = LIST_OPTIONS[key] or extra and extra[key]
    if not kind then
      local hint = key == "page_size" and " (did you mean 'pageSize'?)" or ""
      error(("bad argument #%d to '%s' (unknown option '%s'%s)"):format(position, name, tostring(key), hint),
        level + 1)
    elseif (kind == "integer" and math.type(value) or type(value)) ~= kind then
      error(("bad argument #%d to '%s' (option '%s': %s expected, got %s)")
        :format(position, name, key, kind, kind == "integer" and math.type(value) or type(value)), level + 1)
    end
  end
  local page, size, timeout = options.page, options.pageSize, options.timeout
  if timeout and not (timeout > 0 and timeout < math.huge) then
    error(("bad argument #%d to '%s' (option 'timeout': seconds above 0 expected)"):format(position, name), level + 1)
  elseif page and page < 1 then
    return errors.invalid("invalid-page", "page", "range", "'page' must be at least 1")
  elseif size and (size < 1 or size > PAGE_SIZE) then
    return errors.invalid("invalid-page", "pageSize", "range", ("'pageSize' must be from 1 to %d"):format(PAGE_SIZE))
  end
  return nil
end

local function count_of(headers, name)
  return math.tointeger(tonumber(headers[name] or ""))
end

-- One page: the list and what the aw-* headers say of it.
local function fetch_page(session, path, options, page, size, extra)
  local query = { page = page, pageSize = size, filterby = options.filterby, orderby = options.orderby }
  for name in next, extra or {} do
    query[name] = options[name]
  end
  local text, message = resource.query(query)
  if not text then
    return nil, errors.invalid("invalid-query", "query", "length", message)
  end
  local list, err, raw = session:fetch("GET", path, nil, { query = text, timeout = options.timeout })
  if not list then
    return nil, err, raw
  elseif next(list) ~= nil and list[1] == nil then
    return nil, session:unreadable(raw, "GET", path, "unexpected-answer", "a list was expected")
  end
  local headers = raw.headers
  local info = {
    page = count_of(headers, "aw-page") or page,
    page_size = count_of(headers, "aw-pagesize") or size,
    items = count_of(headers, "aw-items") or #list,
    total_items = count_of(headers, "aw-totalitems"),
  }
  if info.page ~= page then
    return nil, session:unreadable({ status = raw.status, headers = headers }, "GET", path, "unexpected-answer",
      ("page %d was asked for, the answer is page %d"):format(page, info.page))
  end
  return list, info, raw
end

--- One page of a list; options are checked already.
---@param session table
---@param path string
---@param options? table page, pageSize, filterby, orderby, …
---@param extra? table names of more options
---@return table? list
---@return table info page_info { page, page_size, items, total_items }, or err
---@return table? raw
function resource.list(session, path, options, extra)
  options = options or {}
  return fetch_page(session, path, options, options.page or 1, options.pageSize or PAGE_SIZE, extra)
end

-- Pages that shift ----------------------------------------------------------------------------------------------------

-- A list is read newest first, so whoever is new stands before all that is still to be read. If a are added between two
-- pages, and d are deleted before the boundary and e behind it, what is behind moves by a - d. Forward: ids come twice.
-- Back (a < d): the total shrinks by d + e - a > 0. Not at all: nobody is unseen. Only who comes back out of an archive
-- behind the boundary can hide a deletion before it; so a plan that destroys something reads the list twice
-- (desired/init.lua). The id makes an order of those created at one time.
-- A server that refuses an order is asked for the next one.
local ORDERS = { "createdOn desc,id", "createdOn desc", false }

-- A list that changes while it is read is read again from its first page, so often in all.
local ROUNDS = 3

-- How many of ORDERS a session's lists refused, by the last part of their path.
local refused_orders = setmetatable({}, { __mode = "k" })

--- What is remembered of an object that was given: its id in 64 bits, which in a million random ones are all different
-- but for once in 10^7 times. An id that is no GUID is remembered as it is.
---@param item any
---@return integer|string|nil key nil if it has no id
function resource.key_of(item)
  local id = type(item) == "table" and item.id
  if type(id) ~= "string" then
    return nil
  end
  local bytes = core.guid_bytes(id)
  if not bytes then
    return id
  end
  local high, low = string.unpack("<i8i8", bytes)
  return high * 0x9E3779B97F4A7C15 ~ low
end

-- One table would be rehashed whole when it is full, in one step: many small ones.
local SHARDS = 64

local Pages = {}
Pages.__index = Pages

-- Begins to read from the first page.
function Pages:restart()
  self.page, self.list, self.total, self.per_page = self.first, nil, nil, nil
end

-- Ends, with the error if the list changed in the last round, too.
function Pages:finish()
  self.over = true
  if not self.why then
    return nil
  end
  return errors.new {
    kind = "api", code = "list-changed", method = "GET", path = self.path, retryable = true, attempts = self.round,
    description = ("the list changed while it was read, %d time%s one after another: %s"):format(self.round,
      self.round == 1 and "" or "s", self.why),
    hint = "read it again when fewer are added and deleted; if none are, the server does not page as awork does",
  }
end

-- The list changed while it was read: begins again. The last time it is read to its end nevertheless, so that as much
-- as possible is given before the error. What has no id can't be given once only: an error at once.
function Pages:shifted(why)
  if self.round < ROUNDS and not self.nameless then
    self.round = self.round + 1
    self:restart()
    return nil
  end
  self.why = self.why or why
  return self.nameless and self:finish() or nil
end

-- One page, in the order that the caller wants or the best that the server takes.
function Pages:fetch()
  local options = self.options
  if options.orderby then
    return fetch_page(self.session, self.path, options, self.page, self.size, self.extra)
  end
  local what, refused = self.path:match "^.*/(.*)$", refused_orders[self.session]
  if not refused then
    refused = {}
    refused_orders[self.session] = refused
  end
  for i = 1 + (refused[what] or 0), #ORDERS do
    local ordered = {}
    for name, value in next, options do
      ordered[name] = value
    end
    ordered.orderby = ORDERS[i] or nil
    local list, info = fetch_page(self.session, self.path, ordered, self.page, self.size, self.extra)
    if list or i == #ORDERS or info.code ~= "invalid-filter-or-order" then
      if list then
        refused[what] = i - 1
      end
      return list, info
    end
  end
  return nil
end

-- Reads the next page and judges it by the ones before it. Gives an error, or nil.
function Pages:read()
  local list, info = self:fetch()
  if not list then
    self.over = true
    return info
  end
  local count, total, opening = #list, info.total_items, self.page == self.first
  if opening then
    self.total, self.seen = total, count + (self.first - 1) * self.size
    -- A server may give less than was asked for; then it does so on each page.
    self.per_page = total and self.first == 1 and count or math.min(self.size, info.page_size)
  else
    self.seen = self.seen + count
  end
  self.last = count == 0
  local why
  if total then
    self.last = self.last or self.seen >= total
    if not opening and total ~= self.total then
      why = ("aw-totalitems was %s and is %d on page %d"):format(self.total, total, self.page)
    elseif not opening and (self.seen > total or not self.last and count ~= self.per_page)
      or count == 0 and self.seen < total or opening and count > total then
      why = ("page %d has %d items, of %d in all"):format(self.page, count, total)
    end
  elseif self.total then
    why = ("aw-totalitems was %d and is absent on page %d"):format(self.total, self.page)
  else
    self.last = count < self.per_page
  end
  if why then
    local err = self:shifted(why)
    if err or not self.why then
      return err
    end
  end
  self.list, self.info, self.at, self.fresh = list, info, 0, 0
  -- Of what is on one page nothing is remembered.
  self.remembers = self.given or not (opening and self.last)
  if self.remembers and not self.given then
    self.given = {}
    for i = 0, SHARDS do
      self.given[i] = {}
    end
  end
  return nil
end

-- Is this object to be given? Not if it was given before.
function Pages:admit(item)
  if not self.remembers then
    return true
  end
  local key = resource.key_of(item)
  if not key then
    self.nameless = true
    return true
  end
  local shard = self.given[math.type(key) and key & SHARDS - 1 or SHARDS]
  local before = shard[key]
  if before == self.round then
    -- On a page before in this round.
    return false, self:shifted(("page %d has what was on a page before"):format(self.page))
  end
  shard[key] = self.round
  self.fresh = self.fresh + 1
  return not before
end

--- An iterator over all objects of a list, a page at a time; options are checked already.
-- Gives an object, its page's info and its number; in the end nil. If a page can't be had it gives `false, err`, once,
-- and nil after that: an error in the middle is neither raised nor mistaken for the end.
--
-- Nothing is given twice, and nothing that was there all the time is left out: a list that changes between two pages is
-- read again, three times at most, and what was not given yet is. One that changes still is an error, `list-changed`.
---@param session table
---@param path string
---@param options? table as for list; page is where to begin
---@param extra? table
---@return fun(): table|false|nil, table?
function resource.each(session, path, options, extra)
  options = options or {}
  local pages = setmetatable({ session = session, path = path, options = options, extra = extra, round = 1,
    first = options.page or 1, size = options.pageSize or PAGE_SIZE, over = false, nameless = false }, Pages)
  pages:restart()
  return function()
    while not pages.over do
      local err
      if pages.list then
        local list, at = pages.list, pages.at + 1
        local item = list[at]
        pages.at = at
        if item ~= nil and type(item) ~= "table" then
          pages.over = true
          err = session:unreadable({ status = 200 }, "GET", path, "unexpected-answer",
            ("a list of objects was expected: item %d of page %d is none"):format(at, pages.page))
        elseif item ~= nil then
          -- What the caller does not keep can be collected before the next page is read.
          list[at] = nil
          local admitted
          admitted, err = pages:admit(item)
          if admitted then
            return item, pages.info
          end
          session.scheduler:breathe()
        elseif pages.last then
          err = pages:finish()
        elseif pages.fresh == 0 then
          -- One that repeats a page would do so for ever.
          local page, round = pages.page, pages.round
          err = pages:shifted(("page %d has nothing new"):format(page)) or pages.round == round and pages:finish()
        else
          pages.page, pages.list = pages.page + 1, nil
        end
      else
        if session.closed then
          error("awork: the client is closed", 2)
        end
        err = pages:read()
      end
      if err then
        return false, err
      end
    end
    return nil
  end
end

return resource
