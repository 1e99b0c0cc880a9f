--- Creates: never twice, never lost.
--
-- awork has no idempotency key. When a POST may have taken effect though no usable answer came, the owner's contact
-- infos are read back, again and again after pauses that grow. evidence.lua says what a list means: the contact info
-- that this create made is adopted. That there is none is believed of a list only when it was asked for `list_lag`
-- seconds after the request ended, and when a second one agrees: a list may come from a replica that lags behind. Then
-- the request goes again, within `retries`, the engine's quota of retries, and the call's timeout. In all other cases
-- the error says that it is in doubt (`ambiguous`).
--
-- So that two creates of this client can't mistake each other's: while one create of an owner is in doubt, no other
-- one of that owner is under way.
--
-- What can't be told apart is an equal contact info that another client creates for the same owner in the same seconds.
-- What can't be seen is a request whose effect shows later than `list_lag` seconds after it ended.
local core = require "awork.core"
local errors = require "awork.error"
local evidence = require "awork.evidence"
local resource = require "awork.resource"

local guid_bytes, pack_guids = core.guid_bytes, core.pack_guids
-- As they are now: what knows the session is not for a script that replaces them.
local next, setmetatable = next, setmetatable

local readback = {}

-- Seconds before each reading; the first one is later after a timeout, when the server may be at it still. A reading
-- that confirms another one comes after CONFIRM, or after the lag if that is less.
local PAUSES, PAUSE_SLOW, PAUSE_LONGEST, CONFIRM = { 0.1, 1, 3, 6 }, 1, 12, 1

-- So many readings must agree that it is not there, or that one is there of which nothing can be said.
local AGREEING = 2

-- So many readings at most, whatever the clock does.
local READINGS = 1000

-- A reading that ends so many seconds after its deadline tells of a clock that has jumped.
local LATE = 60

-- The part of a create's timeout that is kept for reading back: a quarter, 5 seconds at most.
local RESERVE_SHARE, RESERVE_MOST = 0.25, 5

-- Backoff with full jitter: random(0, min(BASE * 2^n, CAP)) seconds.
local BACKOFF_BASE, BACKOFF_CAP = 0.5, 8

-- The ids of created contact infos are remembered until so many seconds before the oldest create under way: older ones
-- can't be mistaken for what a request in doubt has made.
local KEEP = 5

-- So many ids are packed into one string: 16 bytes an id instead of 80. So many strings are kept beyond that time: an
-- equal contact info that is known to be of an older create leaves no doubt.
local CHUNK, SPARE_CHUNKS = 256, 64
local ID_BYTES = 16

-- Statuses of a gateway that may not know whether the application behind it did its work, or does it still.
local GATEWAY = { [408] = true, [502] = true, [503] = true, [504] = true }

-- Who creates what, and what was created lately: per session, made when first needed.
--   entries   the creates of tasks, as a set
--   owners    path -> those for which a create is in doubt
--   reads     pages read back that have given to the quota of retries
--   recent    ids of contact infos that creates of this client returned; older ones are packed in chunks
local function ledger_of(session)
  local ledger = session.ledger
  if not ledger then
    ledger = { entries = {}, owners = {}, recent = {}, chunks = {}, first = 1, last = 0, reads = 0 }
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
  while ledger.last - ledger.first >= SPARE_CHUNKS and ledger.chunks[ledger.first].at < oldest - KEEP do
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
    body = false, start = 0, began = 0, ended = 0, deadline = 0, retries = 0, task = false, timeout = 0, attempt = 0,
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

-- Seconds that are left, however the clock may have jumped.
local function time_left(entry)
  return math.min(entry.deadline - entry.session.clock(), entry.deadline - entry.start)
end

-- A request that goes well gives one to the engine's quota of retries. That a page could be read says nothing of how
-- POSTs fare: what five have given is taken again, as much as one retry costs.
local READS_A_RETRY = 5

local function give_back(session, ledger)
  ledger.reads = ledger.reads + 1
  if ledger.reads >= READS_A_RETRY and not session.closed then
    ledger.reads = ledger.reads - READS_A_RETRY
    session.engine:take_retry()
  end
end

-- A page of the owner's contact infos, past all caches that can be asked: the list, its headers, when it was asked for
-- and when it came; or nil and perhaps an err.
local function fetch_page(entry, page)
  local session = entry.session
  local asked, left = session.clock(), time_left(entry)
  if left <= 0 then
    return nil
  end
  local headers = { ["cache-control"] = "no-cache" }
  for name, value in next, session.plain_headers do
    headers[name] = value
  end
  local list, err, raw = session:fetch("GET", entry.path, nil, {
    query = ("?page=%d&pageSize=%d"):format(page, resource.PAGE_SIZE), timeout = left, headers = headers,
  })
  local received = session.clock()
  prolong(entry, raw)
  if not list then
    return nil, err
  end
  give_back(session, entry.ledger)
  if received > entry.deadline + LATE then
    return nil
  elseif raw.body and not raw.body:find "^%s*%[" then
    return nil, errors.unreadable({ status = raw.status, headers = raw.headers }, "GET", entry.path,
      "unexpected-answer", "a list was expected")
  end
  return list, raw.headers, asked, received
end

-- Seconds before the next reading, and whether it is the last one that the time is enough for.
local function pause_before(entry, n, known_at, slow, round)
  local session = entry.session
  local lag, lacking = session.list_lag, known_at - session.clock()
  local pause = PAUSES[n] or PAUSE_LONGEST
  if n == 1 then
    local backoff = session.random() * math.min(BACKOFF_BASE * 2 ^ round, BACKOFF_CAP)
    pause = math.max(slow and PAUSE_SLOW or pause, backoff)
  elseif lacking <= 0 then
    pause = math.min(CONFIRM, lag)
  else
    pause = math.min(pause, lacking)
  end
  local half = time_left(entry) / 2
  return math.max(math.min(pause, half), 0), pause >= half
end

-- Looks for the contact info that a create in doubt has made, until it is known. Returns it; or nil and true if there
-- is none; or nil, false and perhaps an error if that can't be told.
local function search(entry, case, raw, slow, round)
  local session, hooks = entry.session, entry.session.hooks
  local known_at = entry.ended + session.list_lag
  local absent, unsure = 0, 0
  for n = 1, READINGS do
    local pause, is_last = pause_before(entry, n, known_at, slow, round)
    if time_left(entry) <= 0 then
      return nil, false
    end
    if hooks then
      hooks.retry {
        method = "GET", path = entry.path, attempt = n, delay = pause, reason = "read-back", status = raw.status,
      }
    end
    session.scheduler:sleep(pause)
    session.counts.read_backs = session.counts.read_backs + 1
    local verdict, what = evidence.read(case, function(page)
      return fetch_page(entry, page)
    end)
    if verdict == "made" then
      return what
    elseif verdict == "unread" then
      return nil, false, what
    elseif verdict == "unsure" then
      unsure = unsure + 1
    elseif verdict == "absent" and what >= known_at then
      absent = absent + 1
    else
      absent = 0
    end
    if unsure >= AGREEING then
      return nil, false
    elseif absent >= AGREEING then
      return nil, unsure == 0
    elseif is_last then
      return nil, false
    end
  end
  return nil, false
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

-- When the attempt in doubt began: it is the last one, for the engine repeats no POST that may have taken effect.
local function note_beginning(entry, raw)
  local timings = raw.timings
  if timings and timings.total then
    local active = timings.total - (timings.queue or 0) - (timings.wait or 0)
    entry.began = math.max(entry.began, entry.session.clock() - active)
  end
end

-- What follows from the error of a create of which it is known that it is not there. `lasting`: an attempt of it may
-- take effect even now.
local function give_up(err, path, lasting)
  if lasting then
    return in_doubt(err, path)
  end
  return nil, err
end

-- A create whose request may have taken effect: read back, adopt or post again.
local function resolve(entry, err, raw, effect)
  local session, owner, path = entry.session, owner_of(entry), entry.path
  local hooks, counts, ledger = session.hooks, session.counts, entry.ledger
  move(entry, effect == "done" and "certain" or "doubtful")
  note_beginning(entry, raw)
  -- What was sent, from its text: the caller may have changed the table meanwhile.
  local case = evidence.case(session.codec.decode(entry.body), entry.began, function(id)
    return is_claimed(ledger, id)
  end)
  local used, round = retries_used(raw), 0
  local lasting = false -- an attempt may take effect even after the last read-back
  while true do
    entry.ended = session.clock()
    local slow = raw.kind == "timeout" or effect == "gateway"
    lasting = lasting or effect ~= "answered"
    if not wait_while(entry, is_busy) then
      return in_doubt(err, path)
    end
    owner.resolver = entry
    local found, absent, why = search(entry, case, raw, slow, round)
    if found then
      claim(session, ledger, found.id)
      counts.adopted = counts.adopted + 1
      if hooks then
        hooks.log("info", "adopted", { path = path, id = found.id })
      end
      return found, nil, true
    elseif not absent or effect == "done" then
      return in_doubt(err, path, why)
    elseif used >= entry.retries or session.closed or not session.engine:take_retry() then
      return give_up(err, path, lasting)
    end
    used, round = used + 1, round + 1
    counts.reposts = counts.reposts + 1
    if hooks then
      hooks.retry {
        method = "POST", path = path, attempt = used + 1, delay = 0, reason = "post-again", status = raw.status,
      }
    end
    local info, next_err, next_raw = post(entry, time_left(entry), entry.retries - used)
    if info then
      return info
    elseif not next_raw then
      -- No time is left, or no token.
      return in_doubt(next_err or err, path)
    end
    err, raw, effect = next_err, next_raw, effect_of(next_raw)
    if effect == "none" then
      return give_up(err, path, lasting)
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
