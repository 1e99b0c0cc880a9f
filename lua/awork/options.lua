--- The options of a client: one table that drives the check of them, and the documentation's.
local core = require "awork.core"
local oauth = require "awork.oauth"

local options = {}

--- In the order of the documentation: name, Lua types, default, unit, range, meaning. `engine` ones are handed on.
options.list = {
  { name = "token", types = { "string", "function", "awork.oauth" },
    doc = "API key or access token; a function that returns one, called for each request; or what awork.oauth gives" },
  { name = "base_url", types = { "string" }, default = "https://api.awork.com/api/v1",
    doc = "where the API is; https, or plain http to a loopback host" },
  { name = "timeout", types = { "number" }, default = 30, unit = "seconds", above = 0, engine = true,
    doc = "for a call over all attempts and waits of its retries; waits for the rate limit count under max_wait" },
  { name = "connect_timeout", types = { "number" }, default = 5, unit = "seconds", above = 0, engine = true,
    doc = "for name lookup, TCP and TLS of one attempt" },
  { name = "attempt_timeout", types = { "number" }, unit = "seconds", above = 0, engine = true,
    doc = "for one attempt; bounded by timeout alone by default" },
  { name = "max_body", types = { "integer" }, default = 16 * 1024 * 1024, unit = "bytes", min = 1, max = 1 << 40,
    engine = true,
    doc = "longest response body" },
  { name = "max_headers", types = { "integer" }, default = 64 * 1024, unit = "bytes", min = 256, max = 1 << 30,
    engine = "max_header", doc = "longest response head" },
  { name = "max_depth", types = { "integer" }, default = 64, min = 1, max = 1000,
    doc = "how deep JSON may nest, both ways" },
  { name = "max_values", types = { "integer" }, default = core.max_values, min = 1, max = 1 << 40,
    doc = "what the JSON of a response may hold: a key, number, boolean or null is one, a string two, a table four" },
  { name = "ca_file", types = { "string" }, engine = true,
    doc = "PEM file with the authorities to trust instead of the system's" },
  { name = "ca_path", types = { "string" }, engine = true,
    doc = "directory of hashed certificates to trust instead of the system's" },
  { name = "proxy", types = { "string", "boolean" }, engine = true,
    doc = "URL of a proxy; false: none. By default the environment's https_proxy and no_proxy. "
      .. "Loopback hosts need none" },
  { name = "no_proxy", types = { "string" }, engine = true,
    doc = "hosts that need no proxy, comma separated" },
  { name = "user_agent", types = { "string" }, engine = true,
    doc = "User-Agent header; awork-lua and its version by default" },
  { name = "headers", types = { "table" },
    doc = "headers for every request, name to value; not Authorization, Content-Type and what the engine sets" },
  { name = "allow_http", types = { "boolean" }, default = false, engine = true,
    doc = "plain http to hosts other than loopback: the token is readable on the way" },
  { name = "http2", types = { "boolean" }, default = true, engine = true,
    doc = "offer HTTP/2 over TLS" },
  { name = "strict", types = { "boolean" }, default = false,
    doc = "warnings of the validator are violations" },
  { name = "validate", types = { "boolean" }, default = true,
    doc = "false: contact infos and users are sent unchecked" },
  { name = "rate", types = { "table", "boolean" }, engine = true,
    doc = "requests allowed: { second = 50, minute = 1000 } by default, false for no limit" },
  { name = "reserve", types = { "number" }, default = 0, min = 0, below = 1, engine = true,
    doc = "share of the rate left to the workspace's other clients" },
  { name = "max_wait", types = { "number" }, default = 120, unit = "seconds", min = 0, engine = true,
    doc = "longest wait for the rate limit; beyond it an error of kind rate_limit with retry_at" },
  { name = "retries", types = { "integer" }, default = 2, min = 0, max = 100, engine = true,
    doc = "attempts after the first" },
  { name = "list_lag", types = { "number" }, default = 20, unit = "seconds", min = 0, max = 3600,
    doc = "so late a list may show what a POST made; before that a create in doubt is not repeated" },
  { name = "max_connections", types = { "integer" }, default = 16, min = 1, max = 1000, engine = true,
    doc = "requests in flight at once" },
  { name = "concurrency", types = { "integer" }, default = 8, min = 1, max = 1000,
    doc = "rows at once in create_many, unless it is told otherwise" },
  { name = "on_request", types = { "function" },
    doc = "called with { method, path, … } before a request" },
  { name = "on_response", types = { "function" },
    doc = "called with { method, path, status, … } after a request" },
  { name = "on_retry", types = { "function" },
    doc = "called with { method, path, attempt, delay, reason } before a retry" },
  { name = "log", types = { "function" },
    doc = "called with level, message, fields" },
  { name = "log_level", types = { "string" }, default = "info", one_of = { "debug", "info", "warn", "error" },
    doc = "the lowest level that reaches log" },
  { name = "log_values", types = { "boolean" }, default = false,
    doc = "hooks and log see contact values, queries and email addresses; they are masked otherwise" },
  { name = "clock", types = { "function" }, engine = true,
    doc = "for tests: monotonic seconds" },
  { name = "sleep", types = { "function" }, engine = true,
    doc = "for tests: called with seconds instead of waiting, when no transfer is under way" },
  { name = "random", types = { "function" }, engine = true,
    doc = "for tests: a number from 0 to below 1, for the jitter" },
}

local by_name = {}
for _, option in ipairs(options.list) do
  by_name[option.name] = option
end

local function is_of(value, kind)
  if kind == "integer" then
    return math.type(value) == "integer"
  elseif kind == "awork.oauth" then
    return oauth.is(value)
  end
  return type(value) == kind
end

-- What is wrong with a value, or nil.
local function fault(option, value)
  local fits = false
  for _, kind in ipairs(option.types) do
    fits = fits or is_of(value, kind)
  end
  if not fits then
    local got = math.type(value) == "float" and "float" or type(value)
    return ("%s expected, got %s"):format(table.concat(option.types, " or "), got)
  end
  if type(value) == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      return "a finite number expected"
    elseif option.above and value <= option.above then
      return ("must be above %s"):format(option.above)
    elseif option.min and value < option.min then
      return ("must be at least %s"):format(option.min)
    elseif option.max and value > option.max then
      return ("must be at most %s"):format(option.max)
    elseif option.below and value >= option.below then
      return ("must be below %s"):format(option.below)
    end
  end
  if type(value) == "string" and option.engine and value:find "[\0-\31\127]" then
    return "a string without control characters expected"
  end
  if option.one_of then
    for _, allowed in ipairs(option.one_of) do
      if value == allowed then
        return nil
      end
    end
    return "must be one of " .. table.concat(option.one_of, ", ")
  end
  return nil
end

-- The unknown option's likely name: one of the same letters but for case and underscores, else one that contains it or
-- is contained in it.
local function guess(name)
  local folded = core.lower(name):gsub("[_%-]", "")
  for _, option in ipairs(options.list) do
    if option.name:gsub("_", "") == folded then
      return option.name
    end
  end
  for _, option in ipairs(options.list) do
    local candidate = option.name:gsub("_", "")
    if #folded >= 4 and (candidate:find(folded, 1, true) or folded:find(candidate, 1, true)) then
      return option.name
    end
  end
  return nil
end

--- Checks a table of options and fills in the defaults.
---@param given table
---@return table? checked
---@return string? message what is wrong
function options.check(given)
  local checked = {}
  for name, value in next, given do
    local option = by_name[name]
    if not option then
      local near = type(name) == "string" and guess(name)
      local hint = near and (" (did you mean '%s'?)"):format(near) or ""
      return nil, ("unknown option '%s'%s"):format(tostring(name), hint)
    end
    local message = fault(option, value)
    if message then
      return nil, ("option '%s': %s"):format(name, message)
    end
    checked[name] = value
  end
  for _, option in ipairs(options.list) do
    if checked[option.name] == nil then
      checked[option.name] = option.default
    end
  end
  if checked.proxy == true then
    return nil, "option 'proxy': a URL or false expected"
  end
  local rate = checked.rate
  if rate == true then
    return nil, "option 'rate': a table or false expected"
  elseif rate then
    for name, value in next, rate do
      if name ~= "second" and name ~= "minute" then
        return nil, ("option 'rate': unknown field '%s'"):format(tostring(name))
      elseif math.type(value) ~= "integer" or value < 1 or value > 100000 then
        return nil, ("option 'rate': '%s' must be an integer from 1 to 100000"):format(name)
      end
    end
  end
  return checked
end

return options
