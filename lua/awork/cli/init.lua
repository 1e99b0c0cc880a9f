--- The command line `awork-contacts`.
--
--     os.exit(require "awork.cli".main(arg), true)
--
-- Results go to standard output, all else to standard error. Exit codes: 0 nothing to do, or done; 1 an error, or not
-- all of it done; 2 changes pending (plan, undo --dry-run); 128 + n stopped by signal n (130: SIGINT, 143: SIGTERM,
-- 141: nobody reads the results).
local connection = require "awork.cli.connection"
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local output = require "awork.cli.output"
local parser = require "awork.cli.parser"
local terminal = require "awork.cli.terminal"

local M = {}

local EXIT = { HUP = 129, INT = 130, PIPE = 141, TERM = 143 }
local EINTR, EPIPE = 4, 32

-- command → module and function
local COMMANDS = {
  check = "read", find = "read", list = "read", export = "read",
  validate = "offline", types = "offline", completion = "offline",
  plan = "change", apply = "change", undo = "change",
  sandbox = "sandbox",
}

local Context = {}
Context.__index = Context

--- The signal that has come: "INT", "TERM", "HUP", or nil.
function Context:signal()
  return self.signals and self.signals:pending()
end

--- From now on a signal is noted: there is something to put in order before the command ends.
function Context:hold()
  if self.signals then
    self.signals:leave(false)
  end
end

--- From now on a signal ends the command at once, wherever it is, as it did before `hold`; also one that has come.
function Context:release()
  self:check()
  if self.signals then
    self.signals:leave(true)
  end
end

--- Ends the command if a signal has come: for loops that wait for nothing.
function Context:check()
  local signal = self:signal()
  if signal then
    error(setmetatable({ signal = signal }, connection.Interrupted), 0)
  end
end

--- The exit code for the signal that has come.
function Context:stopped()
  return EXIT[self:signal()]
end

--- Waits for a signal.
function Context:wait()
  self:hold()
  local clock = assert(core.engine {})
  while not self:signal() do
    clock:sleep(1)
    clock:wait(1)
    while clock:next() do end
  end
  clock:close()
end

local function is(value, class)
  return getmetatable(value) == class
end

-- The exit code for what a command raised; `signal`: which one has come.
local function raised(ui, cause, signal)
  ui:clear()
  if is(cause, terminal.Broken) then
    if cause.code == EPIPE then
      return EXIT.PIPE
    elseif cause.code == EINTR and signal then
      return raised(ui, setmetatable({ signal = signal }, connection.Interrupted))
    end
    ui:fail(cause.message)
    return 1
  elseif is(cause, connection.Interrupted) then
    ui:fail(tostring(cause))
    return EXIT[cause.signal]
  end
  ui:fail("internal error: " .. errors.text_of(cause))
  return 1
end

-- An error's text for people: without the module's name before it, the program's is there already.
local function text_of(err)
  if err.kind == "cli" then
    return err.hint and ("%s; %s"):format(err.description, err.hint) or err.description
  end
  return output.worded(tostring(err):gsub("^awork: ", ""))
end

-- Returns the exit code.
local function run(args, system, signals)
  local opts, help, problem = parser.parse(args)
  local ui = terminal.new(system, opts or {})
  if help then
    ui:out(help)
    ui:flush()
    return 0
  elseif not opts then
    for _, arg in ipairs(args) do
      if arg == "--json" then
        ui:out(('{"error":%s}\n'):format(output.error { kind = "cli", code = "usage", description = problem,
          retryable = false }))
      end
    end
    ui:fail(problem)
    return 1
  end
  local ctx = setmetatable({ opts = opts, ui = ui, system = system, signals = signals }, Context)
  local debugging = (system.getenv "AWORK_DEBUG" or "") ~= ""
  local function handler(cause)
    if type(cause) == "string" and debugging then
      return debug.traceback(cause, 2)
    end
    return cause
  end
  local ok, code, err = xpcall(function()
    local command = require("awork.cli." .. COMMANDS[opts.command])[opts.command]
    local status, failed = command(ctx)
    if not status then
      if ctx:signal() and failed.kind == "closed" then
        ctx:check()
      end
      if ui.json then
        ui:out(('{"error":%s}\n'):format(output.error(failed)))
      end
    end
    ui:flush()
    return status, failed
  end, handler)
  if not ok then
    return raised(ui, code, ctx:signal())
  elseif not code then
    ui:fail(text_of(err))
    return 1
  end
  return code
end

-- What only a program that is its own master may do to its process. Until a command says `hold`, a signal ends it at
-- once: no parser has to listen for one.
local function own_process()
  posix.open_standard()
  local signals = posix.catch_signals()
  if signals then
    signals:leave(true)
  end
  return signals
end

--- Runs a command.
-- @param args list of strings, as `arg`
-- @param system what it has in place of the process's streams and environment (see terminal.system), for tests: then
--   signals are left alone
-- @return the exit code
function M.main(args, system)
  local signals <close> = not system and own_process() or nil
  local ok, code = pcall(run, args, system or terminal.system, signals)
  if ok then
    return code
  end
  return raised(terminal.new(system or terminal.system, {}), code)
end

return M
