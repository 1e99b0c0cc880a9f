--- The error table: what every function returns as second value when the world does not play along.
--
--     local info, err = client.contact_infos:create(user_id, { type = "phone", value = "+49 30 1234567" })
--     if not info then print(err) print(err.kind, err.code, err.retryable) end
--
-- All errors have the metatable `core.error_metatable`, those the validator makes in C as well; this file gives it
-- its `tostring`. Fields:
--
--   kind              validation | api | network | timeout | tls | protocol | closed | cancelled | rate_limit |
--                     callback | format
--   code              awork's code, the transport's, or ours; always a string
--   description       one sentence; always a string
--   hint              what to do about it, if there is something to say
--   status            HTTP status, when the server answered
--   details           list of strings from the server
--   violations        list of { property=, rule=, message=, limit=, got=, hint= }; rule is "server" for the server's
--   validationErrors  the same in awork's shape, { property=, message= }
--   trace_id, edge_ref what awork's support asks for
--   method, path      the request
--   retryable         true if the same call may succeed later
--   attempts          how often it was tried
--   ambiguous         true if a create may have taken effect nevertheless
--   retry_at          epoch seconds from which on the rate limit allows it
--   cause, traceback  what a callback raised, and where
local core = require "awork.core"

local errors = {}

local byte, find, sub = string.byte, string.find, string.sub

local mt = core.error_metatable

-- What awork's codes mean for a caller: code -> { retryable=, advice= }.
local CODES = core.error_codes()

-- For answers without a JSON body.
local REASONS = {
  [400] = "bad request", [401] = "unauthorized: a bad token or a missing permission", [403] = "refused by the edge",
  [404] = "not found", [405] = "method not allowed", [408] = "request timeout", [409] = "conflict",
  [410] = "gone", [411] = "length required", [413] = "request body too large", [414] = "URI too long",
  [415] = "unsupported media type", [421] = "misdirected request", [429] = "too many requests",
  [431] = "request headers too large", [500] = "internal server error", [501] = "not implemented",
  [502] = "bad gateway", [503] = "service unavailable", [504] = "gateway timeout",
}

-- Statuses that may pass when tried again later.
local RETRYABLE = { [408] = true, [429] = true, [500] = true, [502] = true, [503] = true, [504] = true }

-- Bytes: of what is quoted of a text that is no message, of one text in an error, of the texts in one of its lists.
local EXCERPT, TEXT_MAX, LIST_MAX = 200, 4096, 32768

-- Entries of one of its lists.
local ENTRIES_MAX = 100

--- Makes an error table of these fields.
---@param fields table
---@return table err
function errors.new(fields)
  return setmetatable(fields, mt)
end

--- True if the value is an error table of this module.
---@param value any
---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == mt
end

-- The first bytes of a text, at most so many, that end with a whole character.
local function head(text, bytes)
  if #text <= bytes then
    return text
  end
  local stop = bytes
  while stop > bytes - 4 and stop > 0 and byte(text, stop + 1) & 0xC0 == 0x80 do
    stop = stop - 1
  end
  return sub(text, 1, stop)
end

-- 95904 as "95,904".
local function counted(n)
  local text = ("%d"):format(n)
  local first = (#text - 1) % 3 + 1
  return sub(text, 1, first) .. sub(text, first + 1):gsub("%d%d%d", ",%0")
end

-- A text that others wrote, of a length that can be kept and shown; what was cut is said.
local function capped(text)
  if #text <= TEXT_MAX then
    return text
  end
  local kept = head(text, TEXT_MAX)
  return ("%s… (%s bytes cut)"):format(kept, counted(#text - #kept))
end

-- Elements whose content is no text for people.
local HIDDEN = { "script", "style" }

-- A page's text without its comments, tags, scripts and styles.
local function without_tags(text)
  local folded, parts, from, missing = core.lower(text), {}, 1, {}
  -- Where what ends with `mark` ends. One that is not found is not looked for again.
  local function past(mark, at)
    local first, last
    if not missing[mark] then
      first, last = find(folded, mark, at, true)
      missing[mark] = not first
    end
    return last
  end
  while true do
    local open = find(text, "<", from, true)
    local stop
    if open and sub(text, open, open + 3) == "<!--" then
      stop = past("-->", open + 4)
    end
    for _, name in ipairs(HIDDEN) do
      if open and sub(folded, open + 1, open + #name) == name then
        local closing = past("</" .. name, open)
        stop = closing and past(">", closing)
      end
    end
    stop = stop or open and past(">", open)
    if not stop then
      parts[#parts + 1] = sub(text, from)
      return table.concat(parts)
    end
    parts[#parts + 1] = sub(text, from, open - 1)
    parts[#parts + 1] = " "
    from = stop + 1
  end
end

-- The head of a text as one line of printable UTF-8: for a gateway's HTML and other surprises.
local function excerpt(body)
  local text = head(body, 16 * EXCERPT)
  if not core.utf8(text) then
    text = text:gsub("[\128-\255]+", "?")
  end
  text = without_tags(text):gsub("[\0-\32\127]+", " "):gsub("^ ", ""):gsub(" $", "")
  if #text > EXCERPT then
    text = head(text, EXCERPT) .. "..."
  end
  return text
end
errors.excerpt = excerpt

-- A header's value may be any bytes; what an error holds is text.
local function header_text(value)
  return value and excerpt(value)
end

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

-- The body of an error answer, if it is one: a table with a code, a description or a message.
local function error_body(result, codec)
  local body = result.body
  if not body or body == "" then
    return nil
  end
  local value = codec.decode(body)
  return type(value) == "table" and value or nil
end

-- The entries of a list that `read` makes something of, as long as there is room; it gives a value and its bytes.
local function entries(list, read)
  local out, bytes = {}, 0
  for i, entry in ipairs(list) do
    if #out == ENTRIES_MAX or bytes > LIST_MAX then
      return out, #list - i + 1
    end
    local value, size = read(entry)
    if value then
      out[#out + 1], bytes = value, bytes + size
    end
  end
  return out, 0
end

local function more(count)
  return ("… (%s more)"):format(counted(count))
end

-- Copies of the server's validationErrors that hold what they should: whatever the server says, callers can index it.
local function server_violations(list)
  if type(list) ~= "table" then
    return nil, nil
  end
  local violations, cut = entries(list, function(entry)
    local property, message
    if type(entry) == "table" then
      property = is_text(entry.property) and capped(entry.property) or "?"
      message = is_text(entry.message) and capped(entry.message) or "is not valid"
    elseif is_text(entry) then
      property, message = "?", capped(entry)
    else
      return nil
    end
    return { property = property, rule = "server", message = message }, #property + #message
  end)
  if #violations == 0 then
    return nil, nil
  elseif cut > 0 then
    violations[#violations + 1] = { property = "?", rule = "server", message = more(cut) }
  end
  local validation_errors = {}
  for i, violation in ipairs(violations) do
    validation_errors[i] = { property = violation.property, message = violation.message }
  end
  return validation_errors, violations
end

local function strings(list)
  if type(list) ~= "table" then
    return is_text(list) and { capped(list) } or nil
  end
  local out, cut = entries(list, function(entry)
    if is_text(entry) then
      entry = capped(entry)
      return entry, #entry
    end
  end)
  if cut > 0 then
    out[#out + 1] = more(cut)
  end
  return out[1] and out or nil
end

-- The first of these fields of a body that is a text.
local function text_in(body, ...)
  for i = 1, select("#", ...) do
    local value = body[select(i, ...)]
    if is_text(value) then
      return capped(value)
    end
  end
  return nil
end

--- The error for an answer whose status is no success.
---@param result table the engine's result
---@param method string
---@param path string
---@param codec table decode(body)
---@return table err
function errors.from_response(result, method, path, codec)
  local status, headers = result.status, result.headers or {}
  local err = {
    kind = "api", status = status, method = method, path = path,
    trace_id = header_text(headers["trace-id"]), edge_ref = header_text(headers["x-edge-ref"]),
    retryable = RETRYABLE[status] or false, attempts = result.attempts,
  }
  if status >= 300 and status < 400 then
    err.kind, err.code = "protocol", "redirect"
    err.description = "the server redirects to " .. excerpt(headers.location or "an unknown place")
    err.hint = "redirects are not followed, lest the token go elsewhere; check base_url"
    return setmetatable(err, mt)
  elseif status < 200 then
    err.kind, err.code = "protocol", "unexpected-status"
    err.description = "the server answered " .. status
    return setmetatable(err, mt)
  end
  local body = error_body(result, codec)
  if body then
    err.code = text_in(body, "code", "error")
    err.description = text_in(body, "description", "error_description", "message", "title")
    err.link = text_in(body, "link")
    err.trace_id = is_text(body.traceId) and excerpt(body.traceId) or err.trace_id
    err.details = strings(body.details)
    err.validationErrors, err.violations = server_violations(body.validationErrors)
    if err.code == "validation-failed" then
      err.kind = "validation"
    end
  end
  local known = CODES[err.code]
  if known then
    err.hint = known.advice
    err.retryable = err.retryable or (known.retryable and status >= 400) or false
  elseif status == 401 then
    err.hint = "check the token and its permissions"
  end
  if status == 429 then
    err.kind, err.retry_at = "rate_limit", result.retry_at
  end
  if not err.code then
    err.code = "http-" .. status
  end
  if not err.description then
    local reason = REASONS[status] or (status >= 500 and "server error" or "refused")
    local said = not body and result.body and excerpt(result.body) or ""
    err.description = said == "" and reason or reason .. ": " .. said
  end
  return setmetatable(err, mt)
end

--- The error for a request that got no answer.
---@param result table the engine's result: kind, code, message, sent, attempts, retryable, retry_at
---@param method string
---@param path string
---@return table err
function errors.from_transport(result, method, path)
  local message = result.message or result.kind
  local err = {
    kind = result.kind, code = result.code or result.kind,
    description = core.utf8(message) and capped(message) or excerpt(message), -- libcurl may quote what a server sent
    method = method, path = path, retryable = result.retryable or false, attempts = result.attempts,
    status = result.status ~= 0 and result.status or nil, retry_at = result.retry_at,
  }
  if err.kind == "tls" then
    err.hint = "if the server's certificate comes from a private authority, set ca_file to its PEM file (or ca_path)"
  elseif err.kind == "rate_limit" and result.headers then
    err.trace_id, err.edge_ref = header_text(result.headers["trace-id"]), header_text(result.headers["x-edge-ref"])
  end
  return setmetatable(err, mt)
end

--- The error for an answer of status 2xx that can't be read.
---@param result table the engine's result
---@param method string
---@param path string
---@param code string
---@param description string
---@return table err
function errors.unreadable(result, method, path, code, description)
  local headers = result.headers or {}
  local said = code ~= "invalid-encoding" and result.body and excerpt(result.body) or ""
  return setmetatable({
    kind = "protocol", code = code, status = result.status, method = method, path = path, retryable = false,
    description = said == "" and description or description .. ": " .. said,
    trace_id = header_text(headers["trace-id"]), edge_ref = header_text(headers["x-edge-ref"]),
    attempts = result.attempts,
  }, mt)
end

--- The error for one value that can't be sent, in the shape of a refusal by the validator.
---@param code string
---@param property string
---@param rule string
---@param message string
---@param hint? string
---@return table err
function errors.invalid(code, property, rule, message, hint)
  return setmetatable({
    kind = "validation", code = code, description = message, retryable = false,
    violations = { { property = property, rule = rule, message = message, hint = hint } },
    validationErrors = { { property = property, message = message } },
  }, mt)
end

-- tostring that can't raise: a user's __tostring may.
local function text_of(value)
  local ok, text = pcall(tostring, value)
  return ok and text or "(" .. type(value) .. ")"
end
errors.text_of = text_of

--- The error for something the caller's own code raised. An error table passes through, with a traceback.
---@param code string
---@param what string which function raised
---@param cause any what it raised
---@param traceback? string
---@return table err
function errors.raised(code, what, cause, traceback)
  if errors.is(cause) then
    cause.traceback = cause.traceback or traceback
    return cause
  end
  return setmetatable({
    kind = "callback", code = code, description = what .. " raised an error: " .. capped(text_of(cause)),
    retryable = false, cause = cause, traceback = traceback,
  }, mt)
end

--- Takes a secret out of every text of an error, in case a server echoed it.
---@param err table
---@param secret? string
---@return table err the same
function errors.redact(err, secret)
  return core.redact(err, secret)
end

-- A text as it is shown: whoever made the error, the line stays one that can be read.
local function shown(value)
  return capped(text_of(value))
end

-- Longer ones are not looked for in their messages.
local NAME_MAX = 64

-- "'Type' must not be empty" or "value: must be a string", with its hint.
local function violation_text(violation)
  local property, message = shown(violation.property or "?"), shown(violation.message or violation.rule)
  local text = message
  if property ~= "?" and not (#property <= NAME_MAX and find(core.lower(message), core.lower(property), 1, true)) then
    text = property .. ": " .. message
  end
  return violation.hint and text .. " (" .. shown(violation.hint) .. ")" or text
end

mt.__name = "awork.error"

--- One line that says what is wrong, where, and what to do about it.
mt.__tostring = function(err)
  local code = shown(err.code or err.kind or "error")
  local start = err.status and ("%s %s"):format(shown(err.status), code) or code
  local text
  local list = err.violations
  if type(list) == "table" and type(list[1]) == "table" then
    text = violation_text(list[1])
    if #list > 1 then
      text = ("%s (+%d more)"):format(text, #list - 1)
    end
  else
    text = shown(err.description or code)
    if type(err.details) == "table" and err.details[1] then
      text = text .. " " .. shown(err.details[1])
    end
    if err.hint then
      text = (text:match "^(.*[^%s%.])" or "") .. "; " .. shown(err.hint)
    end
  end
  local where = {}
  if err.method then
    where[1] = shown(err.method) .. " " .. shown(err.path or "")
  end
  if err.trace_id then
    where[#where + 1] = "trace " .. shown(err.trace_id)
  end
  if err.edge_ref then
    where[#where + 1] = "edge " .. shown(err.edge_ref)
  end
  local line = "awork: " .. start .. ": " .. text .. (where[1] and " (" .. table.concat(where, ", ") .. ")" or "")
  return core.visible((line:gsub("[\t-\r]+", " "))) -- whatever others sent, it moves no cursor
end

--- `"failed: " .. err` works as it would with a string.
mt.__concat = function(a, b)
  return tostring(a) .. tostring(b)
end

return errors
