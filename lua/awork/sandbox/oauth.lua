--- The token endpoint: a refresh token for an access token and a new refresh token.
local answers = require "awork.sandbox.answers"
local query = require "awork.sandbox.query"

local quote = answers.encode
local find, match, lower = string.find, string.match, string.lower

local oauth = {}
oauth.__index = oauth

local BASE64 = {}
for i, c in ipairs { string.byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 1, -1) } do
  BASE64[c] = i - 1
end

local function decode_base64(s)
  local out, bits, width = {}, 0, 0
  for i = 1, #s do
    local digit = BASE64[s:byte(i)]
    if digit then
      bits, width = (bits << 6 | digit) & 0xffffff, width + 6
      if width >= 8 then
        width = width - 8
        out[#out + 1] = string.char(bits >> width & 0xff)
      end
    end
  end
  return table.concat(out)
end

--- The one client that may refresh.
-- @param options `client_id`, `client_secret`, `public`, `refresh_token`, `expires_in`
-- @param grant what each access token it hands out may do: a token's entry without `expires`
function oauth.new(options, grant)
  local secret = options.client_secret
  if secret == nil and not options.public then secret = "sandbox-secret" end
  return setmetatable({
    client_id = options.client_id or "sandbox-client", client_secret = secret,
    refresh_token = options.refresh_token or "sandbox-refresh-0", expires_in = options.expires_in or 86400,
    grant = grant, count = 0,
  }, oauth)
end

local function refuse(req, status, code, description)
  return status, '{"error":' .. quote(code) .. ',"error_description":' .. quote(description) .. ',"code":'
    .. quote(status == 401 and "unauthorized" or "invalid-operation") .. ',"description":' .. quote(description)
    .. ',"link":' .. quote(answers.LINK) .. ',"traceId":' .. quote(req.trace_id) .. "}"
end

--- Answer `POST /accounts/token`.
-- @param world `oauth` (or nil), `tokens`, `store`, `clock`
-- @return status, body
function oauth.answer(world, req)
  if req.method ~= "POST" then return req:method_not_allowed "POST" end
  local self = world.oauth
  if not self then return req:not_found() end
  local kind = req.content_type
  if not kind or not find(lower(kind), "application/x-www-form-urlencoded", 1, true) then
    return refuse(req, 400, "invalid_request", "The body must be form-encoded.")
  end
  local form = query.parse(req.body)
  local id, secret = form.client_id, form.client_secret
  local basic = req.authorization and match(req.authorization, "^[Bb]asic%s+(%S+)$")
  if basic then
    id, secret = match(decode_base64(basic), "^([^:]*):(.*)$")
  end
  if id ~= self.client_id or (self.client_secret and secret ~= self.client_secret) then
    return refuse(req, 401, "invalid_client", "The client is unknown, or its secret is wrong.")
  end
  if form.grant_type ~= "refresh_token" then
    return refuse(req, 400, "unsupported_grant_type", "grant_type must be refresh_token.")
  end
  if form.refresh_token ~= self.refresh_token then
    return refuse(req, 400, "invalid_grant", "The refresh token is void.")
  end
  self.count = self.count + 1
  local access = ("sandbox-access-%d-%s"):format(self.count, world.store:guid():gsub("-", ""))
  self.refresh_token = ("sandbox-refresh-%d-%s"):format(self.count, world.store:guid():gsub("-", ""))
  local token = { expires = world.clock:epoch() + self.expires_in }
  for name, v in pairs(self.grant) do token[name] = v end
  world.tokens[access] = token
  return 200, '{"access_token":' .. quote(access) .. ',"token_type":"Bearer","expires_in":' .. quote(self.expires_in)
    .. ',"refresh_token":' .. quote(self.refresh_token) .. "}"
end

return oauth
