--- Many contact infos at once.
local errors = require "awork.error"
local ledger = require "awork.ledger"

local many = {}

-- name -> Lua type, and what more must hold.
local OPTIONS = {
  concurrency = { "integer", function(v) return v >= 1 and v <= 1000 end, "an integer from 1 to 1000" },
  on_progress = { "function" },
  on_result = { "function" },
  stop_on_error = { "boolean" },
  timeout = { "number", function(v) return v > 0 and v < math.huge end, "seconds above 0" },
}

local function check(options)
  for name, value in next, options do
    local rule = OPTIONS[name]
    if name == "retry" then
      if value ~= false and (math.type(value) ~= "integer" or value < 0 or value > 100) then
        return "option 'retry': false or an integer from 0 to 100 expected"
      end
    elseif not rule then
      return ("unknown option '%s'"):format(tostring(name))
    elseif (rule[1] == "integer" and math.type(value) or type(value)) ~= rule[1] then
      return ("option '%s': %s expected, got %s"):format(name, rule[1], type(value))
    elseif rule[2] and not rule[2](value) then
      return ("option '%s': %s expected"):format(name, rule[3])
    end
  end
  return nil
end

local function is_callable(value)
  if type(value) == "function" then
    return true
  end
  local mt = type(value) == "table" and getmetatable(value)
  return type(mt) == "table" and type(mt.__call) == "function"
end

-- The workers of a run; as a to-be-closed variable it ends them when the caller's task is cancelled or an error passes.
local Crew = {}

function Crew.__close(crew)
  for _, task in ipairs(crew) do
    task:cancel()
  end
end

-- Seconds that a worker waits for its turn at the rows, before it looks again.
local TURN = 60

--- Creates contact infos, `concurrency` at once. Called by `create_many` of the two resources.
--
-- `rows` is a list, or an iterator: a function without arguments that gives the next row and in the end nil (then
-- memory stays constant). A row is `{ user_id =, info = }`, for companies `{ company_id =, info = }`. Each is validated
-- before it is sent; whatever is wrong with one row, the others are not lost.
--
-- Options:
--   concurrency    rows at once, the client's `concurrency` (8) by default
--   on_progress    function(done, total or nil, stats): after each row. stats is one table, kept up to date:
--                  { created =, adopted =, failed = }
--   on_result      function(index, row, info or nil, err or nil): after each row, in the order in which they finish
--   stop_on_error  true: no further row is begun after one has failed
--   timeout, retry for each row, as for create
--
-- A callback that returns false stops the run: no further row is begun, those under way are finished. So does one that
-- raises, or an iterator that raises: `nil, err, report` is returned then, err.kind being "callback". Cancelling the
-- task that called create_many gives up those under way as well; each may have been created nevertheless.
--
-- The report:
--   ok       true if every row was created
--   total    rows taken; done: rows finished; created (adopted ones too); adopted; failed;
--   skipped  rows of the list that were not begun
--   stopped  true if it ended early
--   elapsed  seconds
--   results  for a list: in its order, { ok =, info =, err =, adopted = } each; err.code is "not-tried" for those that
--            were not begun
---@param session table
---@param create fun(target: table, row: table, call: table?, entry: table): table?, table?, boolean? one row
---@param target table the resource
---@param rows table|function
---@param options? table
---@return table? report
---@return table? err
---@return table? partial
function many.run(session, create, target, rows, options)
  local iterating = is_callable(rows)
  if not iterating and type(rows) ~= "table" then
    error(("bad argument #1 to 'create_many' (list or iterator expected, got %s)"):format(type(rows)), 3)
  elseif options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'create_many' (table expected, got %s)"):format(type(options)), 3)
  end
  options = options or {}
  local fault = check(options)
  if fault then
    error(("bad argument #2 to 'create_many' (%s)"):format(fault), 3)
  end
  local scheduler = session.scheduler
  local on_progress, on_result, stop_on_error = options.on_progress, options.on_result, options.stop_on_error
  local call
  if options.timeout or options.retry ~= nil then
    call = { timeout = options.timeout, retry = options.retry }
  end
  local size = not iterating and #rows or nil
  local results = not iterating and {} or nil
  local started = session.clock()
  local stats = { created = 0, adopted = 0, failed = 0 }
  local taken, done = 0, 0
  local exhausted, stopping, failure = false, false, nil
  local pulling, queue = false, {}

  local function stop(err)
    stopping = true
    failure = failure or err
    scheduler:wake(queue)
  end

  -- The next row and its number; nil when there is none, or none is to be begun.
  local function pull()
    if size then
      if taken < size and not stopping then
        taken = taken + 1
        return taken, rows[taken]
      end
      return nil
    end
    -- An iterator may wait for requests itself: one worker at a time.
    while pulling do
      scheduler:wait_on(queue, TURN)
    end
    if exhausted or stopping or session.closed then
      return nil
    end
    pulling = true
    local ok, row = pcall(rows)
    pulling = false
    if queue[1] then
      scheduler:wake(queue)
    end
    if not ok then
      stop(errors.raised("rows-failed", "the iterator of rows", row))
      return nil
    elseif row == nil then
      exhausted = true
      return nil
    end
    taken = taken + 1
    return taken, row
  end

  local function notify(name, callback, ...)
    local ok, answer = pcall(callback, ...)
    if not ok then
      stop(errors.raised("callback-failed", name, answer))
    elseif answer == false then
      stop()
    end
  end

  local crew <close> = setmetatable({}, Crew)

  local function work(number)
    local entry <close> = ledger.entry(session, target)
    entry.task = crew[number]
    while true do
      local index, row = pull()
      if not index then
        return
      end
      local info, err, adopted = create(target, row, call, entry)
      done = done + 1
      if info then
        stats.created = stats.created + 1
        if adopted then
          stats.adopted = stats.adopted + 1
        end
      else
        stats.failed = stats.failed + 1
        if stop_on_error then
          stop()
        end
      end
      if results then
        results[index] = { ok = info ~= nil, info = info, err = err, adopted = adopted }
      end
      if on_result then
        notify("on_result", on_result, index, row, info, err)
      end
      if on_progress then
        notify("on_progress", on_progress, done, size, stats)
      end
      if session.closed then
        stop(errors.from_transport(scheduler.closed_result))
      end
    end
  end

  for i = 1, math.min(options.concurrency or session.concurrency, size or math.huge) do
    crew[i] = scheduler:spawn(work, i)
  end
  for _, task in ipairs(crew) do
    local _, err = task:wait()
    if err then
      stop(err)
    end
  end

  local skipped = 0
  if size then
    local not_tried
    for i = 1, size do
      if not results[i] then
        not_tried = not_tried or errors.new {
          kind = "cancelled", code = "not-tried", description = "the run ended before this row", retryable = true,
        }
        results[i] = { ok = false, err = not_tried }
        skipped = skipped + 1
      end
    end
  end
  local report = {
    ok = stats.failed == 0 and skipped == 0 and not stopping, total = size or taken, done = done,
    created = stats.created, adopted = stats.adopted, failed = stats.failed, skipped = skipped, stopped = stopping,
    elapsed = session.clock() - started, results = results,
  }
  if failure then
    return nil, failure, report
  end
  return report
end

return many
