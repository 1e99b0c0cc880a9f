--- What the proofs share.
--
-- A proof counts what it tried and what it found, and ends with one line a stage:
--     prove: NAME: COUNT WHAT, N findings
-- tools/prove.sh makes its table of these lines; a proof with findings exits with 1.
local support = {}

local findings, shown = 0, 0

--- Notes something that should not be; the first twenty are printed.
---@param ... any a format and its arguments
function support.finding(...)
  findings = findings + 1
  if shown < 20 then
    shown = shown + 1
    io.stderr:write("  finding: ", string.format(...), "\n")
  end
end

--- A finding unless the condition holds.
---@return any condition
function support.check(condition, ...)
  if not condition then
    support.finding(...)
  end
  return condition
end

--- The line of a stage; what follows is the next stage's.
---@param name string
---@param count integer
---@param what string
function support.stage(name, count, what)
  print(("prove: %s: %d %s, %d findings"):format(name, count, what, findings))
  io.stdout:flush()
  support.failed = support.failed or findings > 0
  findings, shown = 0, 0
end

--- Ends the program.
function support.finish()
  os.exit(not support.failed, true)
end

--- Starts this interpreter with another program, as a process of its own that shares our environment.
---@param ... string the program and its arguments
---@return file* what it prints; close() waits for its end
function support.process(...)
  local words = { arg[-1] or "lua5.4", ... }
  for i, word in ipairs(words) do
    words[i] = "'" .. word:gsub("'", "'\\''") .. "'"
  end
  return assert(io.popen("exec " .. table.concat(words, " "), "r"))
end

return support
