--- OAuth 2: a source of access tokens that refreshes them.
--
--     local token = awork.oauth {
--       client_id = "…", client_secret = "…", refresh_token = load(), on_refresh = function(new) save(new) end,
--     }
--     local client = awork.client { token = token }
--
-- A refresh voids the old refresh token at once. So the new one goes to `on_refresh` before anything else happens,
-- only one refresh is under way at a time, and it does not end with the call (or task) that needed it.
-- All secrets live in closures: no dump or tostring of the source shows them.
local core = require "awork.core"
local errors = require "awork.error"

local oauth = {}

-- The metatable of a source; its name is what a client's `token` option is known by.
local Source = { __name = "awork.oauth" }
Source.__index = Source
Source.__tostring = function()
  return "awork.oauth"
end

-- An access token is renewed this many seconds before it expires, or a tenth of its life if that is less.
local MARGIN = 60

-- A token younger than this that is answered 401 lacks a permission: a new one would not help. Seconds.
local YOUNG = 60

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for shift = 18, 0, -6 do
      local index = (bits >> shift & 63) + 1
      out[#out + 1] = ALPHABET:sub(index, index)
    end
    if not c then
      out[#out] = "="
    end
    if not b then
      out[#out - 1] = "="
    end
  end
  return table.concat(out)
end

local OPTIONS = {
  client_id = "string", client_secret = "string", refresh_token = "string", access_token = "string",
  expires_at = "number", token_url = "string", on_refresh = "function", clock = "function",
}

-- The error of an answer that is no token.
local function unusable(description)
  return errors.new {
    kind = "protocol", code = "invalid-token-response", description = description, retryable = false,
  }
end

--- A source of access tokens, for the `token` option of a client.
--
-- awork API: POST /accounts/token, form-encoded; a client with a secret authenticates with Basic, one without sends
-- its client_id in the form.
--
-- Options:
--   client_id      string, needed
--   client_secret  string, of a confidential client
--   refresh_token  string, needed; awork's live 30 days
--   access_token   string, used until it expires or is refused
--   expires_at     number, epoch seconds at which access_token expires
--   on_refresh     function(refresh_token, { access_token =, expires_at = }): stores the new refresh token, before it
--                  is used. If it raises, or returns false or nil and a message, the call that needed the token gets an
--                  error (code `on-refresh-failed`); the tokens are kept and handed to it again the next time. It must
--                  not use the client itself.
--   token_url      string, base_url .. "/accounts/token" by default
--   clock          function, epoch seconds; os.time by default; for tests
---@param options table
---@return table source
function oauth.new(options)
  if type(options) ~= "table" then
    error(("bad argument #1 to 'oauth' (table expected, got %s)"):format(type(options)), 2)
  end
  for name, value in next, options do
    local kind = OPTIONS[name]
    if not kind then
      error(("bad argument #1 to 'oauth' (unknown option '%s')"):format(tostring(name)), 2)
    elseif type(value) ~= kind then
      error(("bad argument #1 to 'oauth' (option '%s': %s expected, got %s)"):format(name, kind, type(value)), 2)
    end
  end
  for _, name in ipairs { "client_id", "refresh_token" } do
    if not options[name] or options[name] == "" then
      error(("bad argument #1 to 'oauth' (option '%s' is needed)"):format(name), 2)
    end
  end
  for _, name in ipairs { "client_id", "client_secret", "refresh_token", "access_token" } do
    if options[name] and not core.header_safe(options[name]) then
      error(("bad argument #1 to 'oauth' (option '%s' has a control character)"):format(name), 2)
    end
  end
  local client_id, client_secret, token_url = options.client_id, options.client_secret, options.token_url
  local on_refresh, clock = options.on_refresh, options.clock or os.time
  local refresh_token, access_token, expires_at = options.refresh_token, options.access_token, options.expires_at
  local obtained_at -- when we got access_token ourselves
  local unstored = false -- on_refresh has not taken refresh_token yet
  local flight, flight_session, flight_co -- the task that refreshes, whose it is, its coroutine

  -- Hands the new refresh token over; it is not used before that has worked.
  local function store()
    if on_refresh and unstored then
      local ok, stored, why = pcall(on_refresh, refresh_token, { access_token = access_token, expires_at = expires_at })
      if not ok or stored == false or (stored == nil and why ~= nil) then
        local cause = stored
        if ok then
          cause = why or "it returned false"
        end
        local err = errors.raised("on-refresh-failed", "on_refresh", cause)
        return nil, errors.redact(errors.redact(err, refresh_token), access_token)
      end
    end
    unstored = false
    return true
  end

  local function request(session)
    local form = "grant_type=refresh_token&refresh_token=" .. core.escape(refresh_token)
    local headers = { ["content-type"] = "application/x-www-form-urlencoded", ["accept"] = "application/json" }
    if client_secret then
      headers["authorization"] = "Basic " .. base64(client_id .. ":" .. client_secret)
    else
      form = form .. "&client_id=" .. core.escape(client_id)
    end
    return session.scheduler:perform {
      method = "POST", url = token_url or session.base .. "/accounts/token", headers = headers, body = form,
      safe = false,
    }
  end

  -- Refreshes; runs in a task of its own.
  local function refresh(session)
    flight_co = coroutine.running()
    local result = request(session)
    if not result.status and result.sent and (result.kind == "network" or result.kind == "timeout") then
      -- The answer is lost. If the old token is void, this says so; if not, it saves the day.
      result = request(session)
    end
    local path, err = "/accounts/token", nil
    if not result.status or result.kind == "rate_limit" then
      err = errors.from_transport(result, "POST", path)
    elseif result.status < 200 or result.status > 299 then
      err = errors.from_response(result, "POST", path, session.codec)
      -- OAuth's own code says more than awork's, if both are there.
      local body = session.codec.decode(result.body)
      err.code = type(body) == "table" and type(body.error) == "string" and body.error or err.code
      if err.code == "invalid_grant" then
        err.hint = "the refresh token is void or older than 30 days: the user must authorize again"
      elseif err.code == "invalid_client" then
        err.hint = "check client_id and client_secret"
      end
    end
    if err then
      errors.redact(err, refresh_token)
      return nil, errors.redact(err, client_secret)
    end
    local answer
    answer, err = session:decode(result, "POST", path)
    if type(answer) ~= "table" then
      return nil, unusable(err and err.description or "the answer of the token endpoint is no JSON object")
    end
    local fresh, lifetime, successor = answer.access_token, tonumber(answer.expires_in), answer.refresh_token
    if type(successor) == "string" and successor ~= "" and core.header_safe(successor) then
      -- Even if the rest is unusable: the old one is void.
      unstored = unstored or successor ~= refresh_token
      refresh_token = successor
    end
    if type(fresh) ~= "string" or not fresh:find "^[%w%-%._~%+/]+=*$" then
      store()
      return nil, unusable "the answer of the token endpoint has no usable access_token"
    end
    access_token, obtained_at = fresh, clock()
    expires_at = lifetime and lifetime > 0 and obtained_at + lifetime or nil
    local stored
    stored, err = store()
    if not stored then
      return nil, err
    end
    return access_token
  end

  local source = setmetatable({}, Source)

  local function fresh_enough()
    if not access_token then
      return false
    elseif not expires_at then
      return true
    end
    local margin = MARGIN
    if obtained_at then
      margin = math.min(MARGIN, (expires_at - obtained_at) / 10)
    end
    return clock() < expires_at - margin
  end

  --- The access token to use now; refreshes it if need be. For the session.
  function source.acquire(session)
    if unstored and not (flight and not flight:done()) then
      local stored, err = store()
      if not stored then
        return nil, err
      end
    end
    if not unstored and fresh_enough() then
      return access_token
    end
    while true do
      if not flight or flight:done() then
        flight, flight_session = session.scheduler:spawn(refresh, session), session
      elseif flight_co == coroutine.running() then
        return nil, errors.new {
          kind = "callback", code = "token-unavailable", retryable = false,
          description = "on_refresh used the client whose token it is to store",
        }
      end
      local owner = flight_session
      local token, err = flight:wait()
      if token or owner == session or err.kind ~= "closed" then
        return token, err
      end
    end
  end

  --- Told of a token that was answered 401: true if another one may help. For the session.
  function source.reject(token)
    if token ~= access_token then
      return true
    elseif obtained_at and clock() - obtained_at < YOUNG then
      return false
    end
    access_token = nil
    return true
  end

  --- The present access token, to take it out of texts.
  function source.secret()
    return access_token
  end

  return source
end

return oauth
