--- The creates of a client: which are under way, which are in doubt, and what lately came of others.
--
-- Two creates of one client must not mistake each other's contact infos. So each create of a task is an entry here; an
-- owner (user or company) of which one is in doubt has a record that counts the states of its entries; and the ids of
-- what was created are remembered. Nothing here sends.
local core = require "awork.core"
local resource = require "awork.resource"

local guid_bytes, pack_guids = core.guid_bytes, core.pack_guids
-- As they are now: what knows the session is not for a script that replaces them.
local next, setmetatable = next, setmetatable

local ledger = {}

-- The ids of created contact infos are remembered until so many seconds before the oldest create under way: older ones
-- can't be mistaken for what a request in doubt has made.
local KEEP = 5

-- So many ids are packed into one string: 16 bytes an id instead of 80. So many strings are kept beyond that time: an
-- equal contact info that is known to be of an older create leaves no doubt.
local CHUNK, SPARE_CHUNKS = 256, 64
local ID_BYTES, ID_LENGTH = 16, 36

--- The ledger of a session, made when first needed. Fields:
--   entries   the creates of tasks, as a set
--   owners    path -> the owners of which a create is in doubt
--   attempt   seconds that a first attempt of a create may take, without options; readback.lua's
--   reads     pages read back that have given to the quota of retries
--   recent    ids of contact infos that creates of this client returned; older ones are packed in chunks
---@param session table
---@return table
function ledger.of(session)
  local self = session.ledger
  if not self then
    self = { entries = {}, owners = {}, recent = {}, chunks = {}, first = 1, last = 0, reads = 0, attempt = false }
    session.ledger = self
  end
  return self
end

-- Packs the recent ids, and forgets those that no create under way can have to do with.
local function pack(session, self)
  local now = session.clock()
  local oldest = now
  for entry in next, self.entries do
    if entry.state then
      oldest = math.min(oldest, entry.start)
    end
  end
  self.chunks[self.last + 1] = { ids = pack_guids(self.recent), at = now }
  self.last = self.last + 1
  self.recent = {}
  while self.last - self.first >= SPARE_CHUNKS and self.chunks[self.first].at < oldest - KEEP do
    self.chunks[self.first] = nil
    self.first = self.first + 1
  end
end

--- Remembers the id of a contact info that a create of this client returned. What is no GUID is adopted by nobody.
---@param session table
---@param self table the session's ledger
---@param id any
function ledger.claim(session, self, id)
  if type(id) == "string" and #id == ID_LENGTH then
    local recent = self.recent
    local n = #recent + 1
    recent[n] = id
    if n >= CHUNK then
      pack(session, self)
    end
  end
end

local function holds(ids, bytes)
  local at = 0
  repeat
    at = ids:find(bytes, at + 1, true)
    if at and (at - 1) % ID_BYTES == 0 then
      return true
    end
  until not at
  return false
end

--- True if a create of this client returned the contact info with this id.
---@param self table the ledger
---@param id string a GUID
---@return boolean
function ledger.is_claimed(self, id)
  local bytes = guid_bytes(id)
  if holds(pack_guids(self.recent), bytes) then
    return true
  end
  for i = self.first, self.last do
    if holds(self.chunks[i].ids, bytes) then
      return true
    end
  end
  return false
end

-- A create of a task, or of a worker that makes one after another. As a to-be-closed variable it leaves the ledger
-- whatever happens, also when its task is cancelled. Its state: under_way (a POST that no one doubts), doubtful,
-- certain (in doubt as well, but surely done: a 2xx that can't be read), waiting, or false between two creates. An
-- owner of which a create is in doubt counts the states of all of its creates.
local Entry = {}

--- The path of an entry's create: in the short way it is not formed before it is needed.
---@param entry table
---@return string
function ledger.path_of(entry)
  local path = entry.path
  if not path then
    path = resource.contact_infos_path(entry.target._prefix, entry.owner_id)
    entry.path = path
  end
  return path
end

--- Makes an entry one of an owner's.
---@param entry table
---@param owner table
function ledger.attach(entry, owner)
  entry.owner = owner
  owner.entries = owner.entries + 1
end

--- The owner of an entry, from now on one of which a create is in doubt.
---@param entry table
---@return table
function ledger.owner_of(entry)
  local owner = entry.owner
  if not owner then
    local path = ledger.path_of(entry)
    owner = {
      under_way = 0, doubtful = 0, certain = 0, waiting = 0, entries = 0, queue = {}, resolver = false,
    }
    entry.ledger.owners[path] = owner
    for other in next, entry.ledger.entries do
      if other.state and ledger.path_of(other) == path then
        ledger.attach(other, owner)
        owner[other.state] = owner[other.state] + 1
      end
    end
  end
  return owner
end

--- Gives an entry another state; who waits for its owner looks again.
---@param entry table
---@param state string|false
function ledger.move(entry, state)
  local owner, old = entry.owner, entry.state
  entry.state = state
  if owner then
    if old then
      owner[old] = owner[old] - 1
    end
    if state then
      owner[state] = owner[state] + 1
    end
    entry.session.scheduler:wake(owner.queue)
  end
end

--- The end of one create.
---@param entry table
function ledger.leave(entry)
  local owner = entry.owner
  if not owner then
    entry.state = false
    return
  end
  if owner.resolver == entry then
    owner.resolver = false
  end
  ledger.move(entry, false)
  entry.owner = false
  owner.entries = owner.entries - 1
  if owner.entries == 0 then
    entry.ledger.owners[entry.path] = nil
  end
end

function Entry.__close(entry)
  entry.ledger.entries[entry] = nil
  ledger.leave(entry)
end

--- An entry, for one create of a task after another: a to-be-closed variable.
---@param session table
---@param target? awork.ContactInfos of creates by the short way
---@return table
function ledger.entry(session, target)
  local self = ledger.of(session)
  -- All fields are there from the start, so that setting one takes no memory.
  local entry = setmetatable({
    session = session, ledger = self, target = target, owner = false, state = false, owner_id = false, path = false,
    body = false, start = 0, began = 0, ended = 0, deadline = 0, retries = 0, task = false,
    request = { timeout = 0, retry = false, safe = false, brief = true },
  }, Entry)
  self.entries[entry] = true
  return entry
end

--- Waits until `blocked(owner, entry)` no longer holds; false if the entry's deadline comes first.
---@param entry table
---@param blocked fun(owner: table, entry: table): any
---@return boolean
function ledger.wait_while(entry, blocked)
  local session, owner = entry.session, entry.owner
  while blocked(owner, entry) do
    local left = math.min(entry.deadline - session.clock(), entry.deadline - entry.start)
    if left <= 0 or session.closed then
      return false
    end
    session.scheduler:wait_on(owner.queue, left)
  end
  return true
end

--- For wait_while: a create of the owner is in doubt.
---@param owner table
---@return boolean
function ledger.has_doubt(owner)
  return owner.doubtful + owner.certain > 0
end

--- For wait_while: an entry in doubt can't be looked into yet. One of an owner's is at a time, once the others' answers
-- are in; those that are surely done come first, lest another one adopt what they have made.
---@param owner table
---@param entry table
---@return boolean?
function ledger.is_busy(owner, entry)
  return owner.under_way > 0 or (owner.resolver and owner.resolver ~= entry)
    or (entry.state == "doubtful" and owner.certain > 0)
end

return ledger
