--- Tasks over an engine: coroutines that wait for requests, for time, and for each other.
--
-- Knows no HTTP. A request is performed by `scheduler:perform(req)`: in a task's own coroutine that yields, anywhere
-- else it blocks. "Anywhere else" includes coroutines that a task or the host made itself, and places that can't
-- yield (a comparator of table.sort): yielding there would hand our wait to someone who knows nothing of it.
--
-- Tasks run in spawn order, only inside step, wait, loop and task:wait, never inside a blocking call, but when that
-- call has to wait for a task.
local core = require "awork.core"
local errors = require "awork.error"

local now = core.now
-- The bits of an engine's id that tell apart what it has at one time: small numbers, so that a table by them is a list.
local PLACE = core.place_mask
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local running, status, isyieldable = coroutine.running, coroutine.status, coroutine.isyieldable
local pack, unpack, remove, sort = table.pack, table.unpack, table.remove, table.sort
-- As they are now: a script that is handed a client may have replaced them where it sees them.
local error, ipairs, next, pcall, setmetatable = error, ipairs, next, pcall, setmetatable
-- A host may have taken the debug library away.
local traceback = debug and debug.traceback or function(_, message)
  return message
end

-- What our own yields pass, so that a yield of the caller's own is told from it.
local WAIT = {}

-- Seconds in which a step hands results to tasks and resumes those that are ready, and how many at most, so that a
-- step with much to do can't hold up a host's loop; what is left makes timeout() 0. The clock is the real one.
local STEP_TIME, BUDGET = 0.0003, 32

-- Seconds of a step after which a task that computes ends its turn where it says that it may (breathe). When a test's
-- clock drives the engine so many calls of it count instead, so that each run takes the same turns.
local TURN_TIME, TURN_CALLS = 0.001, 64

-- Failures kept for loop() to return; beyond that they are logged alone.
local KEEP_FAILURES = 100

-- A blocking wait looks up this often whatever the engine says, in seconds.
local NAP = 60

local Scheduler = {}
Scheduler.__index = Scheduler

--- A function that runs in turns with others; made by `client:spawn`.
---@class awork.Task
local Task = { __name = "awork.task" }
Task.__index = Task

-- What is known of each task, out of the sight of whoever has it: results on their way to others, and the scheduler by
-- which all of a client's requests go, are no one's to see or to replace. Keys are weak: an entry lives as long as the
-- caller's task.
local tasks = setmetatable({}, { __mode = "k" })

-- What is known of `self`; raises if it is no task.
local function task_of(self, name)
  local task = tasks[self]
  if not task then
    error(("bad argument #1 to '%s' (awork.task expected; call it with a colon)"):format(name), 3)
  end
  return task
end

Task.__tostring = function(self)
  local task = tasks[self]
  return task and ("awork.task: %d (%s)"):format(task._number, task._state) or "awork.task"
end

local scheduler = {}

--- A scheduler over an engine.
---@param engine userdata
---@param on_failure fun(err: table) told of a task that raised and that nobody waits for
---@param virtual? boolean the engine's time is not the real one
---@return table
function scheduler.new(engine, on_failure, virtual)
  return setmetatable({
    engine = engine,
    on_failure = on_failure,
    tasks = {}, -- coroutine -> task, as long as it lives
    live = 0, -- how many
    spawned = 0,
    waiting = {}, -- place of an engine id -> task
    outstanding = 0, -- how many
    ready = {}, first = 1, last = 0, -- a queue of tasks
    backlog = 0, -- results that the engine holds for us
    failures = {},
    active = false, -- the task that was resumed last and has not yielded
    turn_ends = 0, -- when this step has run for TURN_TIME
    turn_calls = virtual and 0, -- of breathe in this turn, if they are what counts
    closed = false,
  }, Scheduler)
end

-- The task whose own coroutine runs now and may yield. It may have resumed a coroutine of its own, which is none.
local function current(self)
  local task = self.active
  if task and running() == task._co and isyieldable() then
    return task
  end
  return nil
end

-- Nothing has changed if there was no memory for it.
local function enqueue(self, task, result, value)
  local last = self.last + 1
  self.ready[last] = task
  self.last, task._state, task._result, task._value = last, "ready", result or false, value or false
end

-- Notes that a task waits for what the engine knows as `id`.
local function hook(self, task, id)
  self.waiting[id & PLACE] = task
  task._id, task._state = id, "waiting"
  self.outstanding = self.outstanding + 1
end

-- The task that waits for what the engine knew as `id`, if one does: it does so no longer.
local function release(self, id)
  local waiting, place = self.waiting, id & PLACE
  local task = waiting[place]
  if task and task._id == id then
    waiting[place], task._id, task._queue = nil, false, false -- _queue: this was a timer that bounds another wait
    self.outstanding = self.outstanding - 1
    return task
  end
  return nil
end

-- Takes a task out of whatever it waits for.
local function unhook(self, task)
  local id = task._id
  task._id, task._queue, task._awaits, task._result, task._value = false, false, false, false, false
  if id then
    self.waiting[id & PLACE] = nil
    self.outstanding = self.outstanding - 1
    if not self.closed then
      self.engine:cancel(id)
    end
  end
end

-- The waiters of a queue go on; those that were taken out meanwhile don't.
local function wake(self, queue)
  for i = 1, #queue do
    local task = queue[i]
    queue[i] = nil
    if task._queue == queue then
      unhook(self, task)
      enqueue(self, task)
    end
  end
end

local function finish(self, task, state, results)
  local co = task._co
  task._state, task._results, task._co = state, results, false
  self.tasks[co] = nil
  self.live = self.live - 1
  wake(self, task._waiters)
  return co
end

-- Ends a task from outside. Its to-be-closed variables are closed; one that raises is reported.
local function stop(self, task, err)
  unhook(self, task)
  local co = finish(self, task, "cancelled", pack(nil, err))
  local ok, cause = coroutine.close(co)
  if not ok then
    self.on_failure(errors.raised("task-failed", "closing a task", cause))
  end
end

-- The error of a task that raised, reported and kept for loop() unless someone waits for the task.
local function fail(self, task, cause)
  local err = errors.raised("task-failed", "a task", cause, traceback(task._co, errors.text_of(cause)))
  local awaited = #task._waiters > 0
  coroutine.close(finish(self, task, "failed", pack(nil, err)))
  if not awaited and not task._driven then
    if #self.failures < KEEP_FAILURES then
      self.failures[#self.failures + 1] = task
    end
    self.on_failure(err)
  end
end

local function cancelled()
  return errors.new {
    kind = "cancelled", code = "cancelled", description = "the task was cancelled", retryable = false,
  }
end

local function closed()
  return errors.new {
    kind = "closed", code = "closed", description = "the client was closed", retryable = false,
  }
end

-- A resume came back with `what`, and it was not a wait of ours: the results, an error, or what the caller's code gave.
local function settle(self, task, ok, what)
  if not ok then
    fail(self, task, what)
  elseif status(task._co) == "dead" then
    if task._cancel then
      stop(self, task, cancelled())
    else
      finish(self, task, "done", what)
    end
  elseif task._cancel then
    stop(self, task, cancelled())
  elseif self.closed and self.sealed then
    stop(self, task, closed())
  elseif what ~= WAIT then
    -- The caller's own yield: others get a turn, then it goes on.
    enqueue(self, task)
    task._yielded = true
  end
end

-- Resumes a task: with its arguments the first time, with a result of the engine's, or with nothing.
local function run(self, task, result, value)
  local outer, args = self.active, task._args
  local ok, what
  self.active, task._state = task, "running"
  if args then
    task._args = false
    ok, what = resume(task._co, unpack(args, 1, args.n))
  else
    ok, what = resume(task._co, result, value)
  end
  self.active = outer
  if what ~= WAIT or task._cancel or self.closed then
    settle(self, task, ok, what)
  end
end

-- The first of the ready tasks, if it is ready still.
local function take_ready(self)
  local first = self.first
  local task = self.ready[first]
  self.ready[first] = nil
  self.first = first + 1
  return task._state == "ready" and task
end

local function run_ready(self, task)
  local result, value = task._result, task._value
  task._result, task._value, task._yielded = false, false, false
  run(self, task, result or nil, value or nil)
end

-- True if a blocking wait here can end: something is in flight, or some task can run.
local function can_progress(self)
  return self.outstanding > 0 or self.first <= self.last or self.backlog > 0
end

-- When nothing can move: ends those tasks that nobody will wake any more, because memory ran out between two steps of
-- what is noted here about them. True if there were any. The others wait for a task, or run.
local function heal(self)
  local lost = {}
  for co, task in next, self.tasks do
    local waits = task._state == "waiting" and task._queue
    if not waits and (status(co) == "suspended" or status(co) == "dead") then
      lost[#lost + 1] = task
    end
  end
  for _, task in ipairs(lost) do
    if not task._results then
      fail(self, task, "not enough memory")
    end
  end
  return #lost > 0
end

-- Resumes the tasks whose results are there and those that are ready, within the budget.
local function deliver(self)
  local engine, budget, start = self.engine, BUDGET, now()
  local ends = start + STEP_TIME
  self.turn_ends = start + TURN_TIME
  while budget > 0 do
    local id, result, value = engine:next()
    if not id then
      self.backlog = 0
      break
    end
    local task = release(self, id)
    if task then
      run(self, task, result, value)
      budget = now() < ends and budget - 1 or 0
      if self.closed then
        return
      end
    end
  end
  -- Those that become ready meanwhile have their turn in the next step. However many results come, one has it in this.
  local last = self.last
  budget = budget > 0 and budget or 1
  while budget > 0 and self.first <= last and self.first <= self.last do -- a task may have driven others itself
    local task = take_ready(self)
    if task then
      run_ready(self, task)
      budget = now() < ends and budget - 1 or 0
      if self.closed then
        return
      end
    end
  end
  if self.first > self.last then
    self.first, self.last = 1, 0
  end
end

--- Moves everything on, blocking at most so long; returns the number of tasks that are not done.
---@param seconds? number 0 by default
---@return integer
function Scheduler:pump(seconds)
  if seconds and seconds > 0 and self.first > self.last and self.backlog == 0 then
    self.backlog = self.engine:wait(seconds)
  else
    self.backlog = self.engine:step()
  end
  deliver(self)
  if self.live > 0 and not can_progress(self) then
    heal(self)
  end
  return self.live
end

--- Seconds until something is to be done though no socket is ready; nil: nothing pending.
---@return number?
function Scheduler:timeout()
  if self.first <= self.last or self.backlog > 0 then
    return 0
  end
  return self.engine:timeout()
end

--- Waits for what the engine knows as `id`: yields in a task, blocks elsewhere.
---@param id integer
---@param handle? awork.Task the caller's own task, if it knows that it runs in it
---@return table|true result true if there is a value
---@return any value of a request that is `brief`
function Scheduler:await(id, handle)
  local task = handle and tasks[handle] or current(self)
  if not task then
    return self.engine:finish(id)
  end
  hook(self, task, id)
  return yield(WAIT)
end

--- Performs a request.
---@param req table the engine copies it
---@return table|true result
---@return any value
function Scheduler:perform(req)
  if self.closed then
    return self.closed_result
  end
  local id, refused = self.engine:submit(req)
  if not id then
    return refused
  end
  return self:await(id)
end

--- True where perform would yield: in a task's own coroutine.
---@return boolean
function Scheduler:in_task()
  return current(self) ~= nil
end

--- Sleeps: yields in a task, blocks elsewhere (others' results are kept, tasks don't run).
---@param seconds number
---@return table result
function Scheduler:sleep(seconds)
  if self.closed then
    return self.closed_result
  end
  local engine = self.engine
  local id = engine:sleep(seconds)
  local task = current(self)
  if task then
    hook(self, task, id)
    return yield(WAIT)
  end
  while true do
    engine:wait(NAP)
    local done, result, value = engine:next()
    while done do
      if done == id then
        return result
      end
      local other = release(self, done)
      if other then
        enqueue(self, other, result, value)
      end
      done, result, value = engine:next()
    end
  end
end

--- Ends the turn of the task that calls it, if the step has taken long enough: others, and the host's loop, get theirs,
-- and it goes on in the next step. For whatever computes for long: called for each of many small pieces of work, it
-- costs a look at the clock. Does nothing outside a task, and where no task can yield.
---@return boolean ended true if it was resumed since
function Scheduler:breathe()
  local calls = self.turn_calls
  if calls then
    calls = (calls + 1) % TURN_CALLS
    self.turn_calls = calls
    if calls > 0 then
      return false
    end
  elseif now() < self.turn_ends then
    return false
  end
  local task = current(self)
  if not task or self.closed then
    return false
  end
  enqueue(self, task)
  task._yielded = true
  yield(WAIT)
  return true
end

--- Waits until someone wakes the queue, or the seconds have passed: one turn, the caller looks again itself.
---@param queue table
---@param seconds number
function Scheduler:wait_on(queue, seconds)
  if self.closed then
    return
  end
  local task = current(self)
  if task then
    queue[#queue + 1] = task
    hook(self, task, self.engine:sleep(seconds))
    task._queue = queue
    return yield(WAIT)
  end
  self:pump(seconds)
end

--- The waiters of a queue go on in the next step.
---@param queue table
function Scheduler:wake(queue)
  if #queue > 0 then
    wake(self, queue)
  end
end

--- Makes a task of a function. It first runs in the next step.
---@param fn function
---@param ... any its arguments
---@return awork.Task
function Scheduler:spawn(fn, ...)
  self.spawned = self.spawned + 1
  local function body(...)
    return pack(fn(...))
  end
  -- All fields are there from the start, so that setting one takes no memory.
  local task = {
    _scheduler = self, _co = create(body), _args = pack(...), _waiters = {}, _number = self.spawned, _state = "ready",
    _id = false, _queue = false, _awaits = false, _results = false, _cancel = false, _driven = false, _yielded = false,
    _result = false, _value = false,
  }
  local handle = setmetatable({}, Task)
  tasks[handle] = task
  local last = self.last + 1
  self.ready[last] = false -- its place: then it is ours whole or not at all
  self.tasks[task._co] = task
  self.ready[last], self.last, self.live = task, last, self.live + 1
  return handle
end

--- Drives all tasks to their end.
---@return true? ok nil if a task raised that nobody waited for
---@return table? err
function Scheduler:loop()
  if self.tasks[running()] then
    error("loop called inside a task", 3)
  end
  while self.live > 0 and not self.closed do
    if not can_progress(self) and not heal(self) then
      error("loop: the remaining tasks wait for the one that called it", 3)
    end
    self:pump(NAP)
  end
  local failed = remove(self.failures, 1)
  self.failures = {}
  if failed then
    return unpack(failed._results, 1, failed._results.n)
  end
  return true
end

--- Closes the engine and ends all tasks. One that waits for a request gets its result if that is there, else one of
-- kind `closed`; one that then waits again, or never ran, is stopped.
function Scheduler:close()
  if self.closed then
    return
  end
  local engine = self.engine
  -- It may be another process's, after a fork: then it gives nothing, and can be closed all the same.
  local ok, done, result, value = pcall(engine.next, engine)
  while ok and done do
    local task = release(self, done)
    if task then
      enqueue(self, task, result, value)
    end
    ok, done, result, value = pcall(engine.next, engine)
  end
  engine:close()
  self.closed = true
  self.closed_result = { kind = "closed", code = "closed", message = "the client was closed", sent = true }
  local list = {}
  for _, task in next, self.tasks do
    list[#list + 1] = task
  end
  sort(list, function(a, b)
    return a._number < b._number
  end)
  self.waiting, self.outstanding, self.backlog = {}, 0, 0
  for _, task in ipairs(list) do
    if task._state == "waiting" and task._id then
      task._id, task._queue = false, false
      run(self, task, self.closed_result)
    elseif task._state == "ready" and task._result then
      run_ready(self, task)
    elseif task._state == "ready" and (task._args or task._yielded) then
      stop(self, task, closed())
    end
  end
  -- Those that waited for another task have its results now.
  self.sealed = true
  local progress = true
  while progress do
    progress = false
    while self.first <= self.last do
      local task = take_ready(self)
      if task then
        progress = true
        run_ready(self, task)
      end
    end
  end
  for _, task in ipairs(list) do
    if task._state == "waiting" or task._state == "ready" then
      stop(self, task, closed())
    end
  end
end

--- What the task is doing.
---@return "ready"|"waiting"|"running"|"done"|"failed"|"cancelled"
function Task:status()
  return task_of(self, "status")._state
end

--- True once the task has ended, in whatever way.
---@return boolean
function Task:done()
  return task_of(self, "done")._results and true or false
end

--- Waits for the end of the task: in another task it yields, elsewhere it drives all tasks and blocks.
-- Returns what the function returned; nil, err if it raised (kind `callback`, with `cause` and `traceback`; an error
-- table that it raised, by assert for instance, comes as it is), was cancelled (`cancelled`) or the client was
-- closed (`closed`). Raises if the wait could never end: a task that waits for itself, also by way of others.
---@return any ...
function Task:wait()
  local task = task_of(self, "wait")
  if not task._results then
    local sched = task._scheduler
    local me = current(sched)
    if me then
      local other = task
      while other do
        if other == me then
          error("a task can't wait for itself", 2)
        end
        other = other._awaits
      end
      local waiters = task._waiters
      waiters[#waiters + 1] = me
      me._awaits, me._queue, me._state = task, waiters, "waiting"
      yield(WAIT)
    else
      task._driven = true
      while not task._results do
        if not can_progress(sched) and not heal(sched) then
          task._driven = false
          error("the task waits for the one that called wait", 2)
        end
        sched:pump(NAP)
      end
    end
  end
  local failures = task._scheduler.failures
  for i = 1, #failures do
    if failures[i] == task then
      remove(failures, i)
      break
    end
  end
  return unpack(task._results, 1, task._results.n)
end

--- Ends the task: its request in flight is given up, its to-be-closed variables are closed, waiters get
-- `nil, err` with `err.kind == "cancelled"`. A task that runs (it cancels itself) ends where it next waits.
-- A write that was in flight may have taken effect nevertheless.
---@return boolean cancelled false if it had ended already
function Task:cancel()
  local task = task_of(self, "cancel")
  local state = task._state
  if task._results then
    return false
  elseif state == "running" then
    task._cancel = true
  else
    stop(task._scheduler, task, cancelled())
  end
  return true
end

return scheduler
