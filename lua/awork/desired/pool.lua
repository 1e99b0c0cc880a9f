--- Several at once: a few tasks of a client that take items from one list.
local M = {}

--- Calls `fn` with each item, at most `size` at once, and returns when all are done.
-- If the one that waits is ended (its task cancelled, the client closed), the others are cancelled too.
-- @param client with spawn()
-- @param size integer
-- @param items list
-- @param fn function; it must not raise
-- @return nil, or the err of a task that ended all the same: for want of memory, say. Its items may be left over
function M.run(client, size, items, fn)
  local at, tasks = 0, {}
  local ending <close> = setmetatable({}, { __close = function() -- luacheck: ignore
    for _, task in ipairs(tasks) do
      task:cancel()
    end
  end })
  local function work()
    while at < #items do
      at = at + 1
      fn(items[at])
    end
  end
  for i = 1, math.min(size, #items) do
    tasks[i] = client:spawn(work)
  end
  local failed
  for _, task in ipairs(tasks) do
    local _, err = task:wait()
    failed = failed or err
  end
  return failed
end

return M
