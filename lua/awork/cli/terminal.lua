--- What people and programs get to see: results on standard output, all else on standard error.
local core = require "awork.core"
local posix = require "awork.posix"
local progress = require "awork.cli.progress"
local trim = require "awork.format.text".trim

local M = {}

local COLORS = { red = "\27[31m", green = "\27[32m", yellow = "\27[33m", bold = "\27[1m", dim = "\27[2m" }

-- How often the line of progress is drawn again, in seconds.
local REDRAW = 0.1

local Terminal = {}
Terminal.__index = Terminal

--- A failure to write results. Its `code` is the errno: EPIPE is the reader's right to have enough.
M.Broken = { __name = "awork.cli.broken", __tostring = function(self) return self.message end }

--- The process's own streams.
M.system = {
  stdin = io.stdin, stdout = io.stdout, stderr = io.stderr, isatty = posix.isatty, width = posix.terminal_width,
  getenv = os.getenv, now = core.now,
}

--- @param system { stdin =, stdout =, stderr =, isatty = fn(fd), width = fn(fd), getenv =, now = }
-- @param opts { json =, quiet =, no_color = }
function M.new(system, opts)
  local getenv = system.getenv
  local plain = opts.no_color or (getenv "NO_COLOR" or "") ~= "" or getenv "TERM" == "dumb"
  return setmetatable({
    system = system, json = opts.json or false, quiet = opts.quiet or false,
    seen = system.isatty(1), seen_err = system.isatty(2),
    color = not plain and system.isatty(1), color_err = not plain and system.isatty(2),
    lively = not opts.quiet and system.isatty(2) and getenv "TERM" ~= "dumb",
  }, Terminal)
end

-- Text from anywhere, fit for a terminal, line by line.
local function safe(text)
  return core.visible(text, "lines")
end

local OURS = { ["\27[0m"] = true }
for _, sequence in pairs(COLORS) do
  OURS[sequence] = true
end

-- What goes to a terminal, whatever was forgotten where it was made: no sequence but our own colours passes.
local function fit(text, style)
  if not text:find("\27", 1, true) then
    return core.visible(text, style)
  end
  text = text:gsub("[^\27]+", function(part) return core.visible(part, style) end)
  return (text:gsub("\27(%[?[0-9]*m?)", function(rest)
    return not OURS["\27" .. rest] and "\\x1B" .. rest or nil
  end))
end

local function check(ok, message, code)
  if not ok then
    error(setmetatable({ message = "standard output: " .. tostring(message), code = code }, M.Broken), 0)
  end
end

--- Writes results. Raises a Broken when that fails. What others wrote in them has gone through `core.visible`; on a
-- terminal all of it does.
function Terminal:out(text)
  self:clear()
  check(self.system.stdout:write(self.seen and fit(text, self.json and "json" or "lines") or text))
end

--- Writes data as they are, but for a terminal, which shows what it must not obey.
-- @param text string
-- @param style "json" if it is JSON, else "lines"
function Terminal:data(text, style)
  if self.seen then
    self:clear()
    text = core.visible(text:gsub("\r\n", "\n"), style)
    check(self.system.stdout:write(text))
  else
    self:out(text)
  end
end

--- What was written has arrived. Raises a Broken when it has not.
function Terminal:flush()
  check(self.system.stdout:flush())
end

-- Messages: nobody can be told if these fail.
function Terminal:err(text)
  self:clear()
  self.system.stderr:write(self.seen_err and fit(text, "lines") or text)
  self.system.stderr:flush()
end

--- A remark, unless --quiet.
function Terminal:say(format, ...)
  if not self.quiet then
    self:err(safe(format:format(...)) .. "\n")
  end
end

--- A warning: in spite of --quiet, for it is about something that goes wrong.
function Terminal:warn(text)
  self:err(self:paint_err("yellow", "warning:") .. " " .. safe(text) .. "\n")
end

--- An error.
function Terminal:fail(text)
  self:err(self:paint_err("red", "awork-contacts:") .. " " .. safe(text) .. "\n")
end

local function painted(on, name, text)
  return on and COLORS[name] .. text .. "\27[0m" or text
end

--- Text in a colour, for standard output.
function Terminal:paint(name, text)
  return painted(self.color, name, text)
end

--- The same for standard error.
function Terminal:paint_err(name, text)
  return painted(self.color_err, name, text)
end

--- One line that is drawn over, on a terminal alone.
function Terminal:status(text)
  if self.lively then
    self.system.stderr:write("\r\27[K", core.visible(text))
    self.system.stderr:flush()
    self.shown = true
  end
end

--- Takes that line away.
function Terminal:clear()
  if self.shown then
    self.system.stderr:write "\r\27[K"
    self.shown = false
  end
end

--- A function to call with (done, total): a bar with rate and time left.
-- @param verb what is being done
function Terminal:bar(verb)
  local now = self.system.now
  local begun, drawn = now(), -1
  return function(done, total)
    local at = now()
    if self.lively and (at - drawn >= REDRAW or done == total) then
      drawn = at
      self:status(progress.line(verb, done, total, at - begun, (self.system.width(2) or 80) - 1))
    end
  end
end

--- Is there somebody to ask?
-- @return boolean
function Terminal:can_ask()
  return self.system.isatty(0) and self.seen_err
end

--- Asks a question on the terminal.
-- @return true for yes, false for no, nil when there is nobody to ask
function Terminal:confirm(question)
  if not self:can_ask() then
    return nil
  end
  self:err(question .. " [y/N] ")
  local answer = self.system.stdin:read "l"
  if not answer then
    self:err "\n"
  end
  answer = trim(core.lower(answer or ""))
  return answer == "y" or answer == "yes"
end

return M
