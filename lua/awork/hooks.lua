--- What a host gets to see of requests: hooks and a log. Observers alone: they can't change a request, and one that
-- raises can't break a call (a contact info that was created would be lost): it is counted, and logged.
--
-- No token, no header that is not on the list below, and, unless `log_values` is set, no contact value, no query and
-- no email address reaches them.
local core = require "awork.core"
local errors = require "awork.error"

local hooks = {}

local LEVELS = { debug = 1, info = 2, warn = 3, error = 4 }

-- Headers that may be shown. All others may hold secrets.
local SHOWN = {
  ["accept"] = true, ["content-type"] = true, ["content-length"] = true, ["date"] = true, ["retry-after"] = true,
  ["ratelimit-limit"] = true, ["ratelimit-remaining"] = true, ["ratelimit-reset"] = true,
  ["x-ratelimit-limit-second"] = true, ["x-ratelimit-remaining-second"] = true,
  ["x-ratelimit-limit-minute"] = true, ["x-ratelimit-remaining-minute"] = true,
  ["aw-page"] = true, ["aw-pagesize"] = true, ["aw-items"] = true, ["aw-totalitems"] = true,
  ["trace-id"] = true, ["x-edge-ref"] = true,
}

-- Fields of a body whose values are no one's secret.
local PLAIN = { type = true, subType = true, isAddress = true, isArchived = true, id = true }

local MASK = "***"

local function shown_headers(headers)
  local out = {}
  for name, value in next, headers or {} do
    local folded = core.lower(name)
    if SHOWN[folded] then
      out[folded] = value
    end
  end
  return out
end

-- breathe: called for each table, lest a long list hold up a host's loop.
local function masked(value, breathe)
  if type(value) ~= "table" then
    return MASK
  end
  breathe()
  local out = {}
  for name, item in next, value do
    if PLAIN[name] and type(item) ~= "table" then
      out[name] = item
    else
      out[name] = masked(item, breathe)
    end
  end
  return out
end

--- The observers of one client, or nil when it has none.
---@param options table the client's checked options
---@param codec table
---@return table?
function hooks.new(options, codec)
  local on_request, on_response, on_retry = options.on_request, options.on_response, options.on_retry
  local log, threshold, show = options.log, LEVELS[options.log_level], options.log_values
  if not (on_request or on_response or on_retry or log) then
    return nil
  end
  local self = { errors = 0, wants_events = (on_retry or log) and true or false }

  local function write(level, message, fields)
    if log and LEVELS[level] >= threshold then
      local ok = pcall(log, level, message, fields)
      if not ok then
        self.errors = self.errors + 1
      end
    end
  end

  local function call(name, hook, info)
    local ok, cause = pcall(hook, info)
    if not ok then
      self.errors = self.errors + 1
      write("error", "hook-failed", { hook = name, error = errors.text_of(cause) })
    end
  end

  -- The path as it may be shown: the email address of an autofill is a contact value.
  local function shown_path(path)
    if not show then
      path = path:gsub("^(/users/autofill/).*", "%1" .. MASK):gsub("%?.*", "")
    end
    return path
  end

  local debug_log = log and threshold <= LEVELS.debug

  function self.request(req, path, query)
    if not (on_request or debug_log) then
      return
    end
    local info = { method = req.method, path = shown_path(path), headers = shown_headers(req.headers) }
    if query and query ~= "" then
      info.query = show and query or MASK
    end
    if req.body then
      info.bytes = #req.body
      local kind = req.headers and req.headers["content-type"]
      if kind == "application/json" then
        local body = codec.decode(req.body)
        info.body = show and body or masked(body, codec.breathe)
      else
        info.body = MASK
      end
    end
    if on_request then
      call("on_request", on_request, info)
    end
    if debug_log then
      write("debug", "request", info)
    end
  end

  function self.response(method, path, result, err)
    if not (on_response or log) then
      return
    end
    local info = {
      method = method, path = shown_path(path), status = result.status, attempts = result.attempts,
      headers = shown_headers(result.headers), bytes = result.body and #result.body,
      timings = result.timings,
      http_version = result.http_version,
    }
    if err then
      info.error = { kind = err.kind, code = err.code, trace_id = err.trace_id, edge_ref = err.edge_ref }
    end
    if on_response then
      call("on_response", on_response, info)
    end
    if err then
      write(err.status and err.status < 500 and "info" or "warn", "failed", info)
    elseif debug_log then
      write("debug", "response", info)
    end
  end

  function self.retry(info)
    info.path = shown_path(info.path)
    if on_retry then
      call("on_retry", on_retry, info)
    end
    write("info", "retry", info)
  end

  self.log = write
  return self
end

return hooks
