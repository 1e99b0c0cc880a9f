--- Creates: never twice, never lost.
--
-- awork has no idempotency key. When a POST may have taken effect though no usable answer came, the owner's contact
-- infos are read back, after a pause, and just before posting again. The one that this create made is
--   * equal in all fields that were sent,
--   * created since the request began, by the server's clock (its Date header tells how its clock stands; TOLERANCE for
--     the clocks of awork's machines among each other), and
--   * not the result of another create of this client.
-- It is adopted. If there is none the request goes again, within `retries`, the engine's quota of retries, and the
-- call's timeout.
--
-- So that two creates of this client can't mistake each other's: while one create of an owner is in doubt, no other
-- one of that owner is under way.
--
-- What can't be told apart is an equal contact info that another client creates for the same owner in the same seconds.
-- What can't be seen is a request that takes effect after the last read-back; therefore an error that ends in
-- doubt says so (`ambiguous`).
local core = require "awork.core"
local errors = require "awork.error"
local resource = require "awork.resource"
local time = require "awork.time"

local is_guid, guid_bytes, pack_guids = core.is_guid, core.guid_bytes, core.pack_guids
-- As they are now: what knows the session is not for a script that replaces them.
local next, setmetatable = next, setmetatable

local readback = {}

-- awork's machines may differ in their clocks by so many seconds, and Date is in whole ones.
local TOLERANCE = 2

-- The first read-back comes after so many seconds at least, and after a timeout after so many: the server may be at it.
local PAUSE, PAUSE_SLOW = 0.1, 1

-- The part of a create's timeout that is kept for reading back: a quarter, 5 seconds at most.
local RESERVE_SHARE, RESERVE_MOST = 0.25, 5

-- Backoff with full jitter: random(0, min(BASE * 2^n, CAP)) seconds.
local BACKOFF_BASE, BACKOFF_CAP = 0.5, 8

-- The ids of created contact infos are remembered until so many seconds before the oldest create under way.
-- Older ones were created before any request in doubt began, by more than TOLERANCE and the second that Date may lack.
local KEEP = 5

-- So many ids are packed into one string: 16 bytes an id instead of 80.
local CHUNK = 256
local ID_BYTES = 16

-- Statuses of a gateway that may not know whether the application behind it did its work, or does it still.
local GATEWAY = { [408] = true, [502] = true, [503] = true, [504] = true }

-- Who creates what, and what was created lately: per session, made when first needed.
--   entries   the creates of tasks, as a set
--   owners    path -> those for which a create is in doubt
--   recent    ids of contact infos that creates of this client returned; older ones are packed in chunks
local function ledger_of(session)
  local ledger = session.ledger
  if not ledger then
    ledger = { entries = {}, owners = {}, recent = {}, chunks = {}, first = 1, last = 0 }
    session.ledger = ledger
  end
  return ledger
end

-- Packs the recent ids, and forgets those that no create under way can have to do with.
local function pack(session, ledger)
  local now = session.clock()
  local oldest = now
  for entry in next, ledger.entries do
    if entry.state then
      oldest = math.min(oldest, entry.start)
    end
  end
  ledger.chunks[ledger.last + 1] = { ids = pack_guids(ledger.recent), at = now }
  ledger.last = ledger.last + 1
  ledger.recent = {}
  while ledger.first <= ledger.last and ledger.chunks[ledger.first].at < oldest - KEEP do
    ledger.chunks[ledger.first] = nil
    ledger.first = ledger.first + 1
  end
end

-- Remembers the id of a contact info that a create of this client returned. What is no GUID is adopted by nobody.
local function claim(session, ledger, id)
  local recent = ledger.recent
  local n = #recent + 1
  recent[n] = id
  if n >= CHUNK then
    pack(session, ledger)
  end
end

local function is_claimed(ledger, id)
  id = id:lower()
  for _, other in ipairs(ledger.recent) do
    if other:lower() == id then
      return true
    end
  end
  local bytes = guid_bytes(id)
  for i = ledger.first, ledger.last do
    local ids, at = ledger.chunks[i].ids, 0
    repeat
      at = ids:find(bytes, at + 1, true)
      if at and (at - 1) % ID_BYTES == 0 then
        return true
      end
    until not at
  end
  return false
end

-- A create of a task, or of a worker that makes one after another. As a to-be-closed variable it leaves the ledger
-- whatever happens, also when its task is cancelled. Its state: under_way (a POST that no one doubts), doubtful,
-- certain (in doubt as well, but surely done: a 2xx that can't be read), waiting, or false between two creates. An
-- owner of which a create is in doubt counts the states of all of its creates.
local Entry = {}

local function attach(entry, owner)
  entry.owner = owner
  owner.entries = owner.entries + 1
end

-- The path of a create: in the short way, below, it is not formed before it is needed.
local function path_of(entry)
  local path = entry.path
  if not path then
    path = resource.contact_infos_path(entry.target._prefix, entry.owner_id)
    entry.path = path
  end
  return path
end

-- The owner of an entry, from now on one in doubt.
local function owner_of(entry)
  local owner = entry.owner
  if not owner then
    local path = path_of(entry)
    owner = {
      under_way = 0, doubtful = 0, certain = 0, waiting = 0, entries = 0, queue = {}, resolver = false,
    }
    entry.ledger.owners[path] = owner
    for other in next, entry.ledger.entries do
      if other.state and path_of(other) == path then
        attach(other, owner)
        owner[other.state] = owner[other.state] + 1
      end
    end
  end
  return owner
end

local function move(entry, state)
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

-- The end of one create.
local function leave(entry)
  local owner = entry.owner
  if not owner then
    entry.state = false
    return
  end
  if owner.resolver == entry then
    owner.resolver = false
  end
  move(entry, false)
  entry.owner = false
  owner.entries = owner.entries - 1
  if owner.entries == 0 then
    entry.ledger.owners[entry.path] = nil
  end
end

function Entry.__close(entry)
  entry.ledger.entries[entry] = nil
  leave(entry)
end

--- An entry in the ledger, for one create of a task after another: a to-be-closed variable.
---@param session table
---@param target? awork.ContactInfos of creates by the short way
---@return table
function readback.entry(session, target)
  local ledger = session.ledger or ledger_of(session)
  -- All fields are there from the start, so that setting one takes no memory.
  local entry = setmetatable({
    session = session, ledger = ledger, target = target, owner = false, state = false, owner_id = false, path = false,
    body = false, start = 0, began = 0, deadline = 0, retries = 0, task = false, timeout = 0, attempt = 0,
    request = { timeout = 0, retry = false, safe = false, brief = true },
  }, Entry)
  ledger.entries[entry] = true
  return entry
end

-- Waits until `blocked(owner, entry)` no longer holds; false if the deadline comes first.
local function wait_while(entry, blocked)
  local session, owner = entry.session, entry.owner
  while blocked(owner, entry) do
    local left = entry.deadline - session.clock()
    if left <= 0 or session.closed then
      return false
    end
    session.scheduler:wait_on(owner.queue, left)
  end
  return true
end

local function has_doubt(owner)
  return owner.doubtful + owner.certain > 0
end

-- One create of an owner is resolved at a time, once the others' answers are in; those that are surely done come first,
-- lest another one adopt what they have made.
local function is_busy(owner, entry)
  return owner.under_way > 0 or (owner.resolver and owner.resolver ~= entry)
    or (entry.state == "doubtful" and owner.certain > 0)
end

-- What a request waited for a connection and the rate limit does not count against the timeout.
local function prolong(entry, raw)
  local timings = raw and raw.timings
  if timings then
    entry.deadline = entry.deadline + (timings.queue or 0) + (timings.wait or 0)
  end
end

-- What the engine's result says of the effect of a POST that gave us no contact info:
-- "none"; "unknown": sent and not answered; "answered": the application failed, and perhaps only after its work;
-- "gateway": the same, but the work may still go on; "done": a 2xx that can't be read.
local function effect_of(raw)
  local status = raw.status or 0
  if raw.kind == "rate_limit" or raw.kind == "closed" or raw.kind == "cancelled" then
    return "none"
  elseif status == 0 then
    return raw.sent and "unknown" or "none"
  elseif status >= 200 and status < 300 then
    return "done"
  elseif GATEWAY[status] then
    return "gateway"
  end
  return status >= 500 and "answered" or "none"
end

-- Equal in all fields that were sent.
local function is_equal(form, info)
  for name, value in next, form do
    if info[name] ~= value then
      return false
    end
  end
  return true
end

-- Looks for the contact info that the entry's request made. Returns it; or nil and true if there is none;
-- or nil, false and perhaps an error if that can't be told.
local function look(entry)
  local session, ledger = entry.session, entry.ledger
  -- What was sent, from its text: the caller may have changed the table meanwhile.
  local form = session.codec.decode(entry.body)
  session.counts.read_backs = session.counts.read_backs + 1
  local found, found_at
  local unsure = false
  local page, seen = 1, 0
  while true do
    local left = entry.deadline - session.clock()
    if left <= 0 then
      return nil, false
    end
    local list, info, raw = resource.list(session, entry.path, { page = page, timeout = left })
    prolong(entry, raw)
    if not list then
      return nil, false, info
    end
    -- By the server's clock: when it answered, less the time that has passed here since the request began.
    local server_now = time.parse_http(raw.headers.date)
    local since = server_now and server_now - (session.clock() - entry.began) - TOLERANCE
    for _, candidate in ipairs(list) do
      if type(candidate) == "table" and is_guid(candidate.id) and is_equal(form, candidate)
        and not is_claimed(ledger, candidate.id) then
        local created = time.parse_iso(candidate.createdOn)
        if not created or not since then
          unsure = true
        elseif created >= since and (not found or created < found_at) then
          found, found_at = candidate, created
        end
      end
    end
    seen = seen + #list
    if #list < resource.PAGE_SIZE or seen >= (info.total_items or math.huge) then
      break
    end
    page = page + 1
  end
  if found then
    return found
  end
  return nil, not unsure
end

-- Finishes an error whose create may have taken effect after all.
local function in_doubt(err, path, why)
  err.ambiguous = true
  err.retryable = false
  err.read_back = why
  err.hint = ("it may have been created all the same: list %s and look for it before you create it again"):format(path)
  return nil, err
end

-- What is left for an attempt when some is kept for reading back.
local function attempt_timeout(left)
  return left - math.min(left * RESERVE_SHARE, RESERVE_MOST)
end

-- One POST in the time that is left: the created object; or nil, err, raw; nil alone if there is none.
local function post(entry, left, retries)
  if left <= 0 then
    return nil
  end
  local request = entry.request
  request.timeout, request.retry = attempt_timeout(left), retries
  local info, err, raw = entry.session:fetch("POST", entry.path, entry.body, request)
  if info then
    if type(info.id) == "string" then
      claim(entry.session, entry.ledger, info.id)
    end
    return info
  end
  prolong(entry, raw)
  return nil, err, raw
end

local function retries_used(raw)
  return math.max((raw.attempts or 1) - 1, 0)
end

-- A create whose request may have taken effect: read back, adopt or post again.
local function resolve(entry, err, raw, effect)
  local session, owner, path = entry.session, owner_of(entry), entry.path
  local hooks, counts = session.hooks, session.counts
  move(entry, effect == "done" and "certain" or "doubtful")
  -- The attempt in doubt is the last one: the engine repeats no POST that may have taken effect.
  local timings = raw.timings
  if timings and timings.total then
    local active = timings.total - (timings.queue or 0) - (timings.wait or 0)
    entry.began = math.max(entry.began, session.clock() - active)
  end
  local used, round = retries_used(raw), 0
  local lasting = false -- an attempt may take effect even after the last read-back
  while true do
    local slow = raw.kind == "timeout" or effect == "gateway"
    lasting = lasting or effect ~= "answered"
    if not wait_while(entry, is_busy) then
      return in_doubt(err, path)
    end
    owner.resolver = entry
    local backoff = session.random() * math.min(BACKOFF_BASE * 2 ^ round, BACKOFF_CAP)
    local pause = math.max(slow and PAUSE_SLOW or PAUSE, backoff)
    pause = math.min(pause, (entry.deadline - session.clock()) / 2)
    if pause <= 0 then
      return in_doubt(err, path)
    end
    if hooks then
      hooks.retry {
        method = "GET", path = path, attempt = round + 1, delay = pause, reason = "read-back", status = raw.status,
      }
    end
    session.scheduler:sleep(pause)
    local found, absent, why = look(entry)
    if found then
      claim(session, entry.ledger, found.id)
      counts.adopted = counts.adopted + 1
      if hooks then
        hooks.log("info", "adopted", { path = path, id = found.id })
      end
      return found, nil, true
    elseif not absent or effect == "done" then
      return in_doubt(err, path, why)
    elseif used >= entry.retries or session.closed or not session.engine:take_retry() then
      if lasting then
        return in_doubt(err, path)
      end
      return nil, err
    end
    used, round = used + 1, round + 1
    counts.reposts = counts.reposts + 1
    if hooks then
      hooks.retry {
        method = "POST", path = path, attempt = used + 1, delay = 0, reason = "post-again", status = raw.status,
      }
    end
    local info, next_err, next_raw = post(entry, entry.deadline - session.clock(), entry.retries - used)
    if info then
      return info
    elseif not next_raw then
      -- No time is left, or no token.
      return in_doubt(next_err or err, path)
    end
    err, raw, effect = next_err, next_raw, effect_of(next_raw)
    if effect == "none" then
      if lasting then
        return in_doubt(err, path)
      end
      return nil, err
    end
    used = used + retries_used(raw)
  end
end

-- What follows from the answer to a first POST.
local function conclude(entry, info, err, raw, retry)
  if info then
    return info
  elseif not raw then
    return nil, err
  end
  local effect = effect_of(raw)
  if effect == "none" then
    return nil, err
  elseif retry == false then
    return in_doubt(err, path_of(entry))
  end
  return resolve(entry, err, raw, effect)
end

local function begin(entry, start, timeout, retry)
  entry.start, entry.began, entry.deadline, entry.retries = start, start, start + timeout, retry or 0
end

-- A create whose parts are at hand.
local function create_entered(entry, path, body, timeout, retry)
  local session = entry.session
  local owner = entry.ledger.owners[path]
  entry.path, entry.body = path, body
  begin(entry, session.clock(), timeout, retry)
  if owner then
    attach(entry, owner)
    if has_doubt(owner) then
      move(entry, "waiting")
      if not wait_while(entry, has_doubt) then
        return nil, errors.from_transport(session.closed and session.scheduler.closed_result or {
          kind = "timeout", code = "timeout", retryable = true, attempts = 0,
          message = "timed out while another create for the same owner was in doubt",
        }, "POST", path)
      end
      entry.began = session.clock()
      timeout = entry.deadline - entry.began
    end
  end
  move(entry, "under_way")
  local info, err, raw = post(entry, timeout, retry)
  return conclude(entry, info, err, raw, retry)
end

local function limits(session, options)
  local timeout, retry = session.timeout, session.retries
  if options then
    timeout = options.timeout or timeout
    if options.retry ~= nil then
      retry = options.retry
    end
  end
  return timeout, retry
end

--- Creates a contact info, exactly once.
---@param session table
---@param path string …/contactinfo
---@param body string what is sent
---@param options? { timeout: number?, retry: false|integer? }
---@param entry? table the caller's, if it is a task that makes several
---@return table? info
---@return table? err
---@return boolean? adopted
function readback.create(session, path, body, options, entry)
  local own <close> = not entry and readback.entry(session) or nil
  entry = entry or own
  entry.request.start_within = options and options.start_within
  local info, err, adopted = create_entered(entry, path, body, limits(session, options))
  leave(entry)
  return info, err, adopted
end

-- What a create by the short way came to, when it gave no contact info.
local function settle(entry, body, result, timeout, retry)
  local session, path, request = entry.session, path_of(entry), entry.request
  entry.body = body
  begin(entry, entry.start, timeout, retry)
  request.timeout, request.retry = attempt_timeout(timeout), retry
  local info, err, raw = session:settle(result, "POST", path, body, request)
  info, err, raw = session:read(info, err, raw, "POST", path)
  if not info then
    prolong(entry, raw)
  elseif type(info.id) == "string" then
    claim(session, entry.ledger, info.id)
  end
  return conclude(entry, info, err, raw, retry)
end

-- The template for the short way; nil if it can't be gone.
local function direct(session, target, ledger)
  local template, ready = target._template, session.ready
  if not template or next(ledger.owners) or (ready and not ready()) then
    return nil
  end
  -- The caller's function for the token may have closed the client.
  return not session.scheduler.closed and template or nil
end

--- The short way to the same, which most creates go: the core validates, lays out and sends in one go (see
-- src/lua/create.c), and what comes back is the contact info. Not if hooks want to see the parts, if a create is in
-- doubt, or if something about the arguments is to be explained: then the answer is false, and nothing was sent.
---@param session table
---@param target awork.ContactInfos
---@param owner_id string
---@param info table
---@param options? { timeout: number?, retry: false|integer? }
---@return boolean done
---@return table? info
---@return table? err
---@return boolean? adopted
function readback.create_directly(session, target, owner_id, info, options)
  if session.scheduler:in_task() then
    local entry <close> = readback.entry(session, target)
    local done, created, err, adopted = readback.create_row(entry, owner_id, info, options)
    return done, created, err, adopted
  end
  -- A call that blocks is alone: nothing else of this client runs before its answer is in, so it need not be entered.
  local ledger = session.ledger or ledger_of(session)
  local template = direct(session, target, ledger)
  if not template then
    return false
  end
  local timeout, retry = limits(session, options)
  local start = session.clock()
  local id, body = session.engine:create(template, owner_id, info, attempt_timeout(timeout), retry)
  if not id then
    return body ~= nil, nil, body
  end
  local result, value = session.scheduler:await(id)
  if value then
    if type(value.id) == "string" then
      claim(session, ledger, value.id)
    end
    return true, value
  end
  local entry <close> = readback.entry(session, target)
  entry.owner_id, entry.path, entry.start, entry.state = owner_id, false, start, "under_way"
  local created, err, adopted = settle(entry, body, result, timeout, retry)
  return true, created, err, adopted
end

--- The same for a task that has an entry.
---@param entry table with `task`, if it is that task's alone
---@param row string|table the owner's id; or a row that has it and the contact info
---@param info? table
---@param options? { timeout: number?, retry: false|integer? }
---@return boolean done
---@return table? info
---@return table? err
---@return boolean? adopted
function readback.create_row(entry, row, info, options)
  local session, target, ledger = entry.session, entry.target, entry.ledger
  local template = direct(session, target, ledger)
  if not template then
    return false
  end
  local timeout, retry = session.timeout, session.retries
  if options then
    timeout, retry = limits(session, options)
  end
  if timeout ~= entry.timeout then
    entry.timeout, entry.attempt = timeout, attempt_timeout(timeout)
  end
  local start = session.clock()
  local id, body = session.engine:create(template, row, info, entry.attempt, retry)
  if not id then
    return body ~= nil, nil, body
  end
  local owner_id = info and row or row[target._id_name]
  entry.owner_id, entry.path, entry.start, entry.state = owner_id, false, start, "under_way"
  local result, value = session.scheduler:await(id, entry.task)
  if not value then
    local created, err, adopted = settle(entry, body, result, timeout, retry)
    leave(entry)
    return true, created, err, adopted
  end
  if type(value.id) == "string" then
    claim(session, ledger, value.id)
  end
  if entry.owner then
    leave(entry)
  else
    entry.state = false
  end
  return true, value
end

return readback
