--- What the resources share: paths, queries, pages.
local core = require "awork.core"
local errors = require "awork.error"

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
    return (("%.14g"):format(value):gsub(",", "."))
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
    return nil, errors.unreadable(raw, "GET", path, "unexpected-answer", "a list was expected")
  end
  local headers = raw.headers
  local info = {
    page = count_of(headers, "aw-page") or page,
    page_size = count_of(headers, "aw-pagesize") or size,
    items = count_of(headers, "aw-items") or #list,
    total_items = count_of(headers, "aw-totalitems"),
  }
  if info.page ~= page then
    return nil, errors.unreadable({ status = raw.status, headers = headers }, "GET", path, "unexpected-answer",
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

--- An iterator over all objects of a list, a page at a time; options are checked already.
-- Gives an object, its page's info and its number; in the end nil. If a page can't be had it gives `false, err`, once,
-- and nil after that: an error in the middle is neither raised nor mistaken for the end.
---@param session table
---@param path string
---@param options? table as for list; page is where to begin
---@param extra? table
---@return fun(): table|false|nil, table?
function resource.each(session, path, options, extra)
  options = options or {}
  local page, size = options.page or 1, options.pageSize or PAGE_SIZE
  local list, info, count, at, seen = nil, nil, 0, 0, (page - 1) * size
  local over = false
  return function()
    while not over do
      if list then
        at = at + 1
        local item = list[at]
        if item ~= nil then
          -- What the caller does not keep can be collected before the next page is read.
          list[at] = nil
          return item, info
        end
        seen = seen + count
        -- A short page is the last one, unless the server gives less than was asked for and says so.
        if count == 0 or (info.total_items and seen >= info.total_items)
          or (not info.total_items and count < math.min(size, info.page_size)) then
          over = true
          return nil
        end
        page, list = page + 1, nil
      end
      if session.closed then
        error("awork: the client is closed", 2)
      end
      list, info = fetch_page(session, path, options, page, size, extra)
      if not list then
        over = true
        return false, info
      end
      at, count = 0, #list
    end
    return nil
  end
end

return resource
