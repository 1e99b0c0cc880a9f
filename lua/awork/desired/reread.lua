--- Owners read again just before something of theirs is written: many in one request where awork's filter can.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local owners = require "awork.desired.owners"
local time = require "awork.time"

local KINDS = owners.KINDS

local M = {}

-- Ids in one filter: some 50 bytes each in the URL, which stays below 6 KB.
local MOST, LEAST = 100, 8

-- Statuses that say that the server does not understand the filter. (awork API: 400 is invalid-filter-or-order; what
-- stands in between may find the URL too long.)
local NO_FILTER = { [400] = true, [404] = true, [405] = true, [414] = true, [431] = true, [501] = true }

local Reader = {}
Reader.__index = Reader

local function infos_of(kind, owner)
  local embedded = owner[KINDS[kind].infos]
  if type(embedded) ~= "table" then
    return nil
  end
  local list = {}
  for _, info in ipairs(embedded) do
    if type(info) == "table" then
      list[#list + 1] = info
    end
  end
  return list
end

--- What to read owners with.
-- @param client the client
-- @param session its clock: `session.clock()`, seconds
-- @param max_age seconds after which what was read is read again
-- @param single true: each by itself, never several in a request
function M.new(client, session, max_age, single)
  return setmetatable({ client = client, clock = session.clock, max_age = max_age, single = single, views = {},
    size = MOST, used = 0, waiting = {}, first = {}, breathe = function() session.scheduler:breathe() end }, Reader)
end

--- Those that will be asked for, in this order.
-- @param items list of { kind =, id =, key = }
function Reader:expect(items)
  self.waiting = items
  for i, item in ipairs(items) do
    self.first[item.key] = i
    self.breathe()
  end
end

--- Seconds since a view was read.
function Reader:age(view)
  return self.clock() - view.at
end

local function is_old(self, view)
  return self:age(view) >= self.max_age
end

-- When it was read at the earliest: the request can't have been sent before it had its turn. And between what the
-- server's clock is ahead of ours: Date is in whole seconds, and was written between the request and now.
local function stamp(self, view, began, response)
  local timings = response.timings or {}
  view.at = began + (timings.queue or 0) + (timings.wait or 0)
  local date = time.parse_http((response.headers or {}).date)
  if date then
    self.least_ahead, self.most_ahead = date - self.clock(), date + 1 - view.at
  end
  return view
end

--- The server's time now, in epoch seconds: the least that it can be, and by how much it may be more. nil, 0 as long as
-- it has not told.
function Reader:server_time()
  if not self.least_ahead then
    return nil, 0
  end
  return self.clock() + self.least_ahead, math.max(0, self.most_ahead - self.least_ahead)
end

--- Puts in what was read otherwise, at the earliest at `at`.
function Reader:offer(key, kind, owner, at)
  local infos = infos_of(kind, owner)
  if infos then
    self.views[key] = { owner = owner, infos = infos, at = at }
  end
end

--- Reads one, by itself.
-- @return view { owner =, infos =, at = }; { gone = true } if awork knows none; or nil, err
function Reader:read(item)
  local kind = KINDS[item.kind]
  local began = self.clock()
  local owner, response = self.client:request("GET", ("/%s/%s"):format(kind.resource, item.id))
  if type(owner) ~= "table" then
    if owner == nil and response.status == 404 then
      return { gone = true, at = began }
    elseif owner == nil then
      return nil, response
    end
    return { gone = true, at = began }
  end
  local view = stamp(self, { owner = owner, infos = infos_of(item.kind, owner) }, began, response)
  if view.infos then
    return view
  end
  view.infos = {}
  for info, failed in self.client[kind.contact_infos]:each(item.id) do
    if not info then
      return nil, failed
    end
    view.infos[#view.infos + 1] = info
  end
  return view
end

-- Reads many in one request. Whom the answer does not list is left to be read alone: archived ones are in no list.
function Reader:read_many(kind, items)
  local quoted, asked = {}, {}
  for i, item in ipairs(items) do
    quoted[i] = "guid'" .. item.id .. "'"
    asked[item.key] = item
  end
  local began = self.clock()
  local list, response = self.client:request("GET", "/" .. KINDS[kind].resource, {
    query = { page = 1, pageSize = #items, filterby = "id in (" .. table.concat(quoted, ",") .. ")" } })
  if type(list) ~= "table" then
    self.no_filter = self.no_filter or list == nil and NO_FILTER[response.status] or false
    return
  end
  for _, owner in ipairs(list) do
    local key = type(owner) == "table" and type(owner.id) == "string" and kind .. normalise.lower(owner.id)
    local infos = key and asked[key] and infos_of(kind, owner)
    if infos then
      self.views[key] = stamp(self, { owner = owner, infos = infos }, began, response)
    end
    self.breathe()
  end
end

-- Those to be read together with one: it, and who comes after it.
local function batch_of(self, item)
  local items, at = { item }, (self.first[item.key] or #self.waiting) + 1
  while #items < self.size and self.waiting[at] do
    local other = self.waiting[at]
    local view = self.views[other.key]
    if other.kind == item.kind and (not view or is_old(self, view)) and core.is_guid(other.id) then
      items[#items + 1] = other
    end
    at = at + 1
  end
  return items
end

-- As many are read at a time as can be used while that is fresh: fewer after some grew old, more when none did.
local function adapt(self)
  if self.last_size then
    if self.used < self.last_size // 2 then
      self.size = math.max(LEAST, self.used)
    else
      self.size = math.min(MOST, self.size * 2)
    end
  end
end

-- Reads many, in a task that others can wait for. Whoever began it may be cancelled meanwhile.
function Reader:run_batch(kind, items)
  local task = self.client:spawn(function()
    self:read_many(kind, items)
  end)
  self.reading = task
  local closing <close> = setmetatable({}, { __close = function() -- luacheck: ignore
    if self.reading == task then
      self.reading = nil
    end
    task:cancel()
  end })
  task:wait()
end

--- What is known of an owner, no older than max_age, or just read.
-- @param item { kind =, id =, key = }
-- @return view as of `read`; or nil, err
function Reader:get(item)
  while true do
    local view = self.views[item.key]
    self.views[item.key] = nil
    if view and not is_old(self, view) then
      self.used = self.used + 1
      return view
    end
    local others = self.reading
    if others and not others:done() then
      others:wait()
    else
      local items = not self.single and not self.no_filter and batch_of(self, item) or {}
      if #items < 2 then
        return self:read(item)
      end
      adapt(self)
      while #items > self.size do
        items[#items] = nil
      end
      self.last_size, self.used = #items, 0
      self:run_batch(item.kind, items)
      view = self.views[item.key]
      self.views[item.key] = nil
      -- As fresh as can be, however long the answer took.
      if view then
        self.used = self.used + 1
        return view
      end
      return self:read(item)
    end
  end
end

return M
