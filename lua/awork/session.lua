--- What all of a client's resources send through: token, URL, engine, answer, error, hooks.
local core = require "awork.core"
local errors = require "awork.error"
local oauth = require "awork.oauth"
local scheduler = require "awork.scheduler"

local Session = {}
Session.__index = Session

local session = {}

local NO_OPTIONS = {}

local function token_error(code, text)
  return errors.invalid(code, "token", "token", "the token can't be used: " .. text)
end

-- A token goes from whoever has it straight to the engine, by functions that nobody can replace: who is handed a client
-- can replace whatever it sees, the string library's functions for one.
local set_token, token_fault, hide = core.set_token, core.token_fault, core.hide
local pcall, ipairs, next, setmetatable, type = pcall, ipairs, next, setmetatable, type
local random, sub = math.random, string.sub

-- An error quotes no more than the beginning of a body: a long one is not gone through for that.
local QUOTED = 64 * 1024

-- Hands over what the caller's function gives. Returns the token's generation; or nil, err.
local function ask(source, self, engine)
  local ok, token, why = pcall(source)
  if not ok then
    return nil, hide(engine, errors.raised("token-unavailable", "the token function", token))
  elseif token == nil or token == false then
    if errors.is(why) then
      return nil, why
    end
    return nil, hide(engine, token_error("token-unavailable", "the token function returned none"
      .. (why ~= nil and ": " .. errors.text_of(why) or "")))
  end
  local fault = token_fault(token)
  if fault then
    return nil, token_error("token-invalid", "the token function's: " .. fault)
  elseif self.closed then -- by that function
    return 0
  end
  return set_token(engine, token)
end

-- What the engine needs before a request, from the option `token`: two functions, or none for a string, which it has
-- from now on. `ready()`: true once the engine has a token, or nil, err. `renew(generation)`: true if it has another
-- than the one of that generation, which was refused. The token itself is in no field and no result of theirs.
local function token_source(source, self, engine)
  if type(source) == "string" then
    set_token(engine, source)
    return nil, nil
  elseif type(source) == "function" then
    local function ready()
      if self.closed then
        return true -- the scheduler says so
      end
      local generation, err = ask(source, self, engine)
      return generation and true, err
    end
    -- A host that rotates its token may have done so meanwhile.
    local function renew(generation)
      local other = not self.closed and ask(source, self, engine)
      return other and other ~= generation
    end
    return ready, renew
  end
  return oauth.attach(source, self, engine)
end

-- A source of random numbers from 0 to below 1: the caller's, as long as it gives some.
local function checked_random(given)
  return given and function()
    local r = given()
    return type(r) == "number" and r >= 0 and r < 1 and r or random()
  end or random
end

--- A session.
---@param options table checked options
---@param engine userdata
---@param codec table
---@param hooks? table
---@return table
function session.new(options, engine, codec, hooks)
  local self = setmetatable({
    base = options.base_url:gsub("/+$", ""),
    timeout = options.timeout,
    retries = options.retries,
    list_lag = options.list_lag,
    concurrency = options.concurrency,
    strict = options.strict,
    validate = options.validate,
    engine = engine,
    codec = codec,
    hooks = hooks,
    closed = false,
    clock = options.clock and function()
      return engine:now()
    end or core.now,
    random = checked_random(options.random),
    counts = { adopted = 0, read_backs = 0, reposts = 0 },
    -- A request, its fields set anew for each: the engine copies what it is given.
    request = { brief = codec.brief, auth = true },
  }, Session)

  local headers = { ["accept"] = "application/json" }
  for name, value in next, options.headers or {} do
    headers[core.lower(name)] = value
  end
  self.plain_headers = headers
  self.json_headers = { ["content-type"] = "application/json" }
  for name, value in next, headers do
    self.json_headers[name] = value
  end

  self.scheduler = scheduler.new(engine, function(err)
    if hooks then
      hooks.log("error", "task-failed", { error = err.description, traceback = err.traceback })
    end
  end, options.clock ~= nil)
  codec.breathe = function()
    self.scheduler:breathe()
  end

  self.ready, self.renew = token_source(options.token, self, engine)
  return self
end

-- Hands the engine's events to the hooks.
function Session:drain()
  local hooks = self.hooks
  if not (hooks and hooks.wants_events) or self.closed then
    return
  end
  local base = self.base
  for _, event in ipairs(self.engine:events() or {}) do
    if event.event == "retry" then
      local url = event.url or ""
      hooks.retry {
        method = event.method, path = url:sub(1, #base) == base and url:sub(#base + 1) or url,
        attempt = event.attempt, delay = event.delay, reason = event.reason, status = event.status,
      }
    elseif event.event == "pause" then
      hooks.log("warn", "rate-limit", { delay = event.delay, reason = event.reason })
    end
  end
end

-- The request in `req`, a table. What it is made of is read before anything else runs.
local function fill(self, req, method, path, body, opts)
  local safe, query = opts.safe, opts.query
  if safe == nil then
    safe = method ~= "POST"
  end
  req.method, req.body, req.safe, req.timeout, req.retry = method, body, safe, opts.timeout, opts.retry
  req.start_within, req.auth = opts.start_within, true
  req.url = query and self.base .. path .. query or self.base .. path
  req.headers = opts.headers or (body and self.json_headers or self.plain_headers)
  return req
end

--- What a request came to that gave no value: a token that was refused is renewed, an error is made of what is none.
---@param result table the engine's
---@param method string
---@param path string
---@param body? string
---@param opts table
---@return table? result of a status from 200 to 299
---@return table? err
---@return table? raw the engine's result, also when it is an error
function Session:settle(result, method, path, body, opts)
  local status, hooks = result.status, self.hooks
  if status == 401 and self.renew then
    -- A refused request had no effect: it may go again, once. If there is no other token the refusal stands.
    if self.renew(result.token) then
      result = self.scheduler:perform(fill(self, {}, method, path, body, opts))
      status = result.status
    end
  end
  local err
  if not status or result.kind then
    err = errors.from_transport(result, method, path)
  elseif status < 200 or status > 299 then
    err = errors.from_response(result, method, path, self.codec)
  end
  if hooks then
    self:drain()
    hooks.response(method, path, result, err)
  end
  if err then
    return nil, err, result
  end
  return result, nil, result
end

--- Performs a request. `opts`: query (a string that begins with "?"), headers, timeout, start_within, retry, safe,
-- brief (a result of status 200 need be no more than `true` and the JSON object or array it is; or `body` and
-- `content_type` if it is none).
---@param method string
---@param path string
---@param body? string
---@param opts? table
---@return table|true|nil result of a status from 200 to 299
---@return table? err
---@return table|true|nil raw the engine's result, also when it is an error
---@return table? value of a brief request
function Session:send(method, path, body, opts)
  local ready = self.ready
  if ready then
    local ok, err = ready()
    if not ok then
      err.method, err.path = err.method or method, err.path or path
      return nil, err
    end
  end
  opts = opts or NO_OPTIONS
  local hooks = self.hooks
  local req
  if hooks then
    req = fill(self, {}, method, path, body, opts)
    hooks.request(req, path, opts.query)
  else
    -- Without hooks the headers of an answer that is read as a value alone interest no one.
    req = fill(self, opts.brief and self.request or {}, method, path, body, opts)
  end
  local result, value = self.scheduler:perform(req)
  if value then
    return result, nil, result, value
  end
  return self:settle(result, method, path, body, opts)
end

-- True if the answer says it is in UTF-8, or does not say.
local function utf8_charset(content_type)
  local charset = core.lower(content_type):match 'charset%s*=%s*"?([^%s;"]+)'
  return not charset or charset == "utf-8" or charset == "utf8" or charset == "us-ascii"
end

--- The error for an answer of status 2xx that can't be read.
---@param result table
---@param method string
---@param path string
---@param code string
---@param message string
---@return table err
function Session:unreadable(result, method, path, code, message)
  local body = result.body
  if body and #body > QUOTED then
    result.body = sub(body, 1, QUOTED)
  end
  return hide(self.engine, errors.unreadable(hide(self.engine, result), method, path, code, message))
end

--- The value in an answer's body.
---@param result table
---@param method string
---@param path string
---@return any value nil, err if it can't be read; nil alone if the body is empty or null
---@return table? err
function Session:decode(result, method, path)
  local body = result.body
  if not body or body == "" then
    return nil
  end
  local content_type = result.content_type or result.headers and result.headers["content-type"]
  if content_type and content_type ~= self.usual_type then
    if not utf8_charset(content_type) then
      local message = "the answer is in another encoding than UTF-8: "
        .. errors.excerpt(hide(self.engine, content_type))
      return nil, self:unreadable(result, method, path, "invalid-encoding", message)
    end
    self.usual_type = content_type
  end
  local value, code, message = self.codec.decode(body)
  if code then
    if content_type and not core.lower(content_type):find("json", 1, true) and code ~= "invalid-encoding" then
      code, message = "not-json", "the answer is no JSON but " .. errors.excerpt(hide(self.engine, content_type))
    end
    local err = self:unreadable(result, method, path, code, message)
    if code == "too-many-values" then
      err.hint = "ask for less at once (pageSize), or raise the option max_values"
    end
    return nil, err
  end
  return value
end

--- The JSON object or array in an answer: what send or settle gave.
---@param result? table
---@param err? table
---@param raw? table
---@param method string
---@param path string
---@return table? value
---@return table? err
---@return table? raw
function Session:read(result, err, raw, method, path)
  if not result then
    return nil, err, raw
  end
  local value
  value, err = self:decode(result, method, path)
  if type(value) == "table" then
    return value, nil, raw
  elseif not err then
    err = self:unreadable(result, method, path, value == nil and "empty-body" or "unexpected-answer",
      value == nil and "the answer is empty" or "the answer is no JSON object or array")
  end
  return nil, err, raw
end

-- What fetch asks for when it is given no options.
local BRIEF = { brief = true }

--- Performs a request that answers with a JSON object or array. Without `opts` it is a brief one.
---@param method string
---@param path string
---@param body? string
---@param opts? table
---@return table? value
---@return table? err
---@return table|true|nil raw
function Session:fetch(method, path, body, opts)
  local result, err, raw, value = self:send(method, path, body, opts or BRIEF)
  if value then
    return value, nil, raw
  end
  return self:read(result, err, raw, method, path)
end

--- Performs a request that may answer with anything.
---@param method string
---@param path string
---@param body? string
---@param opts? table
---@return any value the decoded body, true if there is none
---@return table? err_or_raw the error, or the engine's result
function Session:call(method, path, body, opts)
  local result, err = self:send(method, path, body, opts)
  if not result then
    return nil, err
  end
  local value
  value, err = self:decode(result, method, path)
  if err then
    return nil, err
  elseif value == nil then
    value = true
  end
  return value, result
end

--- Raises if the client is closed; `level` is that of the caller to blame, as for error.
---@param level integer
function Session:check_open(level)
  if self.closed then
    error("awork: the client is closed", level + 1)
  end
end

return session
