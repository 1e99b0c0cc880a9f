--- A stable sort that lets others run: table.sort holds a step from its beginning to its end.
local M = {}

-- So few are sorted in one go, by insertion; the runs are merged.
local RUN = 32

local function insertion(list, first, last, less)
  for i = first + 1, last do
    local item, at = list[i], i
    while at > first and less(item, list[at - 1]) do
      list[at], at = list[at - 1], at - 1
    end
    list[at] = item
  end
end

-- Merges from[first..middle - 1] and from[middle..last] into `to`.
local function merge(from, to, first, middle, last, less, breathe)
  local a, b = first, middle
  for at = first, last do
    if a < middle and (b > last or not less(from[b], from[a])) then
      to[at], a = from[a], a + 1
    else
      to[at], b = from[b], b + 1
    end
    if at % RUN == 0 then
      breathe()
    end
  end
end

--- Sorts a list; what is equal keeps its order.
-- @param list it may be changed
-- @param less fn(a, b): does a come before b?
-- @param breathe called now and then
-- @return the list, or another with the same items
function M.sorted(list, less, breathe)
  local count = #list
  if count < 2 then
    return list
  end
  for first = 1, count, RUN do
    insertion(list, first, math.min(first + RUN - 1, count), less)
    breathe()
  end
  local from, to, width = list, {}, RUN
  while width < count do
    for first = 1, count, 2 * width do
      local last = math.min(first + 2 * width - 1, count)
      merge(from, to, first, math.min(first + width, last + 1), last, less, breathe)
    end
    from, to, width = to, from, 2 * width
  end
  return from
end

return M
