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
local errors = require "awork.error"
local evidence = require "awork.evidence"
local ledger = require "awork.ledger"
local resource = require "awork.resource"

-- As they are now: what knows the session is not for a script that replaces them.
local next = next
local claim, leave, move, path_of = ledger.claim, ledger.leave, ledger.move, ledger.path_of

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

-- Statuses of a gateway that may not know whether the application behind it did its work, or does it still.
local GATEWAY = { [408] = true, [502] = true, [503] = true, [504] = true }

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

local function give_back(session, own)
  own.reads = own.reads + 1
  if own.reads >= READS_A_RETRY and not session.closed then
    own.reads = own.reads - READS_A_RETRY
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
    claim(entry.session, entry.ledger, info.id)
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
  local session, owner, path = entry.session, ledger.owner_of(entry), entry.path
  local hooks, counts, own = session.hooks, session.counts, entry.ledger
  move(entry, effect == "done" and "certain" or "doubtful")
  note_beginning(entry, raw)
  -- What was sent, from its text: the caller may have changed the table meanwhile.
  local case = evidence.case(session.codec.decode(entry.body), entry.began, function(id)
    return ledger.is_claimed(own, id)
  end, function()
    session.scheduler:breathe()
  end)
  local used, round = retries_used(raw), 0
  local lasting = false -- an attempt may take effect even after the last read-back
  while true do
    entry.ended = session.clock()
    local slow = raw.kind == "timeout" or effect == "gateway"
    lasting = lasting or effect ~= "answered"
    if not ledger.wait_while(entry, ledger.is_busy) then
      return in_doubt(err, path)
    end
    owner.resolver = entry
    local found, absent, why = search(entry, case, raw, slow, round)
    if found then
      claim(session, own, found.id)
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

-- A create whose parts are at hand in its entry.
local function create_entered(entry, timeout, retry)
  local session, path = entry.session, path_of(entry)
  local owner = entry.ledger.owners[path]
  begin(entry, session.clock(), timeout, retry)
  if owner then
    ledger.attach(entry, owner)
    if ledger.has_doubt(owner) then
      move(entry, "waiting")
      if not ledger.wait_while(entry, ledger.has_doubt) then
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

-- What a create by the short way came to, when it gave no contact info.
local function conclude_directly(entry, result, timeout, retry)
  local session, path, body, request = entry.session, path_of(entry), entry.body, entry.request
  begin(entry, entry.start, timeout, retry)
  request.timeout, request.retry = attempt_timeout(timeout), retry
  local info, err, raw = session:settle(result, "POST", path, body, request)
  info, err, raw = session:read(info, err, raw, "POST", path)
  if not info then
    prolong(entry, raw)
  else
    claim(session, entry.ledger, info.id)
  end
  return conclude(entry, info, err, raw, retry)
end

-- The template for the short way; nil if it can't be gone.
local function template_of(session, target, own, options)
  local template, ready = target._template, session.ready
  if not template or next(own.owners) or (options and options.start_within) or (ready and not ready()) then
    return nil
  end
  -- The caller's function for the token may have closed the client.
  return not session.scheduler.closed and template or nil
end

-- The short way, which most creates go: the core validates, lays out and sends in one go (see src/lua/create.c), and
-- what comes back is the contact info. Not if hooks want to see the parts, if a create is in doubt, or if something
-- about the arguments is to be explained: then the answer is false, and nothing was sent. Without an entry it is a call
-- that blocks: nothing else of this client runs before its answer is in, so it need not be entered.
local function create_directly(entry, session, target, row, info, options)
  local own = session.ledger or ledger.of(session)
  local template = template_of(session, target, own, options)
  if not template then
    return false
  end
  local timeout, retry, attempt = session.timeout, session.retries, own.attempt
  if options then
    timeout, retry = limits(session, options)
    attempt = attempt_timeout(timeout)
  elseif not attempt then
    attempt = attempt_timeout(timeout)
    own.attempt = attempt
  end
  local start = session.clock()
  local id, body = session.engine:create(template, row, info, attempt, retry)
  if not id then
    return body ~= nil, nil, body
  end
  local owner_id = info and row or row[target._id_name]
  local result, value
  if entry then
    entry.owner_id, entry.path, entry.start, entry.state = owner_id, false, start, "under_way"
    result, value = session.scheduler:await(id, entry.task)
  else
    result, value = session.scheduler:await(id)
  end
  if value then
    claim(session, own, value.id)
    if entry then
      if entry.owner then
        leave(entry)
      else
        entry.state = false
      end
    end
    return true, value
  end
  local late <close> = not entry and ledger.entry(session, target) or nil
  if late then
    entry = late
    entry.owner_id, entry.start, entry.state = owner_id, start, "under_way"
  end
  entry.body = body
  local created, err, adopted = conclude_directly(entry, result, timeout, retry)
  leave(entry)
  return true, created, err, adopted
end

-- The same in its parts. `prepare` gives the owner's id and the text to send.
local function create_in_parts(entry, session, target, row, info, options, prepare)
  local owner_id, body = prepare(target, row, info)
  if not owner_id then
    return nil, body
  end
  local late <close> = not entry and ledger.entry(session, target) or nil
  entry = entry or late
  entry.owner_id, entry.path, entry.body = owner_id, false, body
  entry.request.start_within = options and options.start_within
  local created, err, adopted = create_entered(entry, limits(session, options))
  leave(entry)
  return created, err, adopted
end

--- Creates a contact info, exactly once.
---@param entry? table the caller's (ledger.entry), if it is a task that makes several; its `task`, if it is that one's
---@param session table
---@param target awork.ContactInfos
---@param row string|table the owner's id; or, without `info`, a row that has it and the contact info
---@param info? table
---@param options? { timeout: number?, retry: false|integer?, start_within: number? }
---@param prepare fun(target: table, row: string|table, info: table?): string?, string|table the owner's id and the text
-- to send, or nil, err: where the core did not send it by itself
---@return table? info
---@return table? err
---@return boolean? adopted
function readback.create(entry, session, target, row, info, options, prepare)
  if not entry and session.scheduler:in_task() then
    local own <close> = ledger.entry(session, target)
    local created, err, adopted = readback.create(own, session, target, row, info, options, prepare)
    return created, err, adopted
  end
  local done, created, err, adopted = create_directly(entry, session, target, row, info, options)
  if done then
    return created, err, adopted
  end
  return create_in_parts(entry, session, target, row, info, options, prepare)
end

return readback
