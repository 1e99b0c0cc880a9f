--- From options and environment to a client; and how a command waits for it, with an ear for signals.
local awork = require "awork"
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local trim = require "awork.format.text".trim

local M = {}

-- Looked at so often, in seconds, for signals that interrupted nothing.
local TICK = 0.25

-- So long, in seconds, after a signal what is under way may take to end by itself.
local GRACE = 10

--- What ends a command when a signal came.
M.Interrupted = { __name = "awork.cli.interrupted", __tostring = function(self)
  return "stopped by SIG" .. self.signal
end }

local function failure(code, description, hint)
  return nil, errors.new { kind = "cli", code = code, description = description, hint = hint, retryable = false }
end

local function present(value)
  return value ~= nil and value ~= "" and value or nil
end

local function exists(path)
  local file, _, code = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil or code ~= 2 -- ENOENT
end

--- The token, from a file or the environment; never from an argument.
-- @param opts the command's: `token_file`
-- @param getenv as os.getenv
-- @return token, or nil, err (kind "cli": `token-missing`, `token-file`)
function M.token(opts, getenv)
  local path = opts.token_file
  if not path then
    local token = present(getenv "AWORK_TOKEN")
    if token then
      return token
    end
    path = present(getenv "AWORK_TOKEN_FILE")
  end
  if not path then
    local config, home = present(getenv "XDG_CONFIG_HOME"), present(getenv "HOME")
    local default = config and config .. "/awork/token" or home and home .. "/.config/awork/token"
    if not default or not exists(default) then
      return failure("token-missing", "there is no token",
        "set AWORK_TOKEN, or put the token into a file of mode 0600: "
          .. (default and default .. ", or one " or "one ") .. "that --token-file or AWORK_TOKEN_FILE names")
    end
    path = default
  end
  local text, message = posix.read_private(path)
  if not text then
    return failure("token-file", "the token's file can't be used: " .. message)
  end
  local token = trim(text)
  if token == "" then
    return failure("token-file", "the token's file is empty: " .. path)
  end
  return token
end

--- A client.
-- @param ctx the command's context
-- @return client, or nil, err
function M.client(ctx)
  local opts, getenv = ctx.opts, ctx.system.getenv
  local token, err = M.token(opts, getenv)
  if not token then
    return nil, err
  end
  local requests = 0
  local options = {
    token = token, base_url = opts.base_url or present(getenv "AWORK_BASE_URL"),
    ca_file = opts.ca_file or present(getenv "AWORK_CA_FILE"), timeout = opts.timeout, reserve = opts.reserve,
    on_response = function()
      requests = requests + 1
      if ctx.reading then
        ctx.ui:status(("%s ... %d request%s"):format(ctx.reading, requests, requests == 1 and "" or "s"))
      end
    end,
  }
  local ok, client, problem = pcall(awork.client, options)
  if not ok then
    return failure("usage", tostring(client))
  end
  return client, problem
end

--- Runs a function that uses a client, and sees to signals meanwhile. When one comes, `fn` is expected to end by itself
-- if it is `graceful` (it asks ctx:signal()); else, and after a while, the client is closed: what waits for it ends
-- with an error of kind "closed".
-- @param ctx the command's context
-- @param client awork.Client
-- @param fn function
-- @param graceful boolean
-- @return what fn returns; raises what it raised
function M.drive(ctx, client, fn, graceful)
  ctx:hold()
  local task = client:spawn(fn)
  local deadline
  while not task:done() do
    client:wait(TICK)
    if ctx:signal() and not deadline then
      deadline = core.now() + (graceful and GRACE or 0)
      if graceful then
        ctx.ui:say "Stopping: what is under way ends. Once more to stop at once; the journal has it all."
      end
    end
    if deadline and core.now() >= deadline then
      client:close()
    end
  end
  local results = table.pack(task:wait())
  local err = results[2]
  if results[1] == nil and errors.is(err) and err.kind == "callback" and err.cause ~= nil then
    error(err.cause, 0)
  end
  if not graceful and ctx:signal() then
    error(setmetatable({ signal = ctx:signal() }, M.Interrupted), 0)
  end
  return table.unpack(results, 1, results.n)
end

return M
