--- One apply at a time to a workspace, on one machine: the second of two would decide on what the first is changing.
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"

local M = {}

--- Where journals and locks go: $XDG_STATE_HOME/awork or ~/.local/state/awork, whoever's home HOME does not say being
-- looked up. Where no home is known, the working directory.
-- @return path
function M.state_dir()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then
    return state .. "/awork"
  end
  if not home or home:sub(1, 1) ~= "/" then
    home = posix.home()
  end
  return home and home .. "/.local/state/awork" or "."
end

-- Where a base_url points, however it is spelled: two spellings of one server must not pass each other by.
local function place_of(base_url)
  local scheme, host, path = base_url:match "^([^:/]+)://([^/]*)(.*)$"
  if not scheme then
    return base_url
  end
  scheme, host = core.lower(scheme), core.lower(host)
  host = host:gsub(scheme == "https" and ":443$" or ":80$", "")
  local _, is_loopback = core.url_fault(base_url, true)
  if is_loopback then
    host = "localhost" .. (host:match ":%d+$" or "")
  end
  return scheme .. "://" .. host .. path:gsub("/+$", "")
end

local function refused(code, description, hint, retryable)
  return nil, errors.new { kind = code == "locked" and "plan" or "file", code = code, description = description,
    hint = hint, retryable = retryable }
end

--- Takes the lock of a workspace.
-- @param base_url, workspace which one
-- @param dir where, or nil for the state directory
-- @return lock with close(), to be closed; or nil, err: kind "plan", code "locked"; or kind "file", code "lock" when it
--   can't be had at all
function M.take(base_url, workspace, dir)
  dir = dir or M.state_dir()
  local hint = "set XDG_STATE_HOME (in Lua, the option lock) to a directory that can be written; lock = false goes "
    .. "without, if nothing else applies plans to this workspace"
  local ok, message = posix.make_dirs(dir)
  if not ok then
    return refused("lock", "no lock can be made, by which two applies at once are kept apart: " .. message, hint, false)
  end
  local path = ("%s/apply-%s-%08x.lock"):format(dir, workspace, posix.crc32(place_of(base_url)))
  local lock, why, holder = posix.lock_file(path, "since " .. os.date "!%Y-%m-%dT%H:%M:%SZ")
  if lock then
    return lock
  elseif holder then
    return refused("locked", ("another apply to this workspace is under way on this machine%s: nothing was done")
      :format(holder ~= "" and " (" .. core.visible(holder) .. ")" or ""), "apply again when it has ended; its lock is "
      .. path, true)
  end
  return refused("lock", "no lock can be made, by which two applies at once are kept apart: " .. why, hint, false)
end

return M
