-- What others do meanwhile: the sweep for others_spec.lua (a share of it) and prove/others.lua. Each run keeps a ledger
-- of what must be there in the end, whatever others did at whatever moment, and raises if it does not balance.
local awork = require "awork"
local creates = require "create_sweep"
local help = require "client_help"

local sweep = {}

local function phone(value, subtype)
  return { type = "phone", subType = subtype or "work", value = value }
end

-- A client on a clock that moves only when it is told to, or when someone sleeps.
local function virtual(server, clock, options)
  clock.now = 1000
  local merged = { clock = function() return clock.now end,
    sleep = function(seconds) clock.now = clock.now + seconds end, random = function() return 0.5 end }
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  return help.client(server, merged)
end

-- Four people, each with a number that gets replaced, one that stays, and one that goes.
local PEOPLE = 4

local function populate(server)
  local list = {}
  for i = 1, PEOPLE do
    list[i] = { firstName = "P" .. i, contact_infos = { phone("+49 30 1" .. i), phone("+49 30 2" .. i, "home"),
      { type = "urls", subType = "work", value = "https://example.org/" .. i } } }
  end
  server.set { users = list, companies = 0 }
end

local function desired(server)
  local list = {}
  for i = 1, PEOPLE do
    local work = phone("+49 40 1" .. i)
    work.replace = true
    list[i] = { user = server.user_ids[i], contact_infos = { work, phone("+49 30 2" .. i, "home"),
      phone("+49 40 3" .. i, "mobile") } }
  end
  return list
end

local OPTIONS = { prune = true, delete_limit = false }

-- Everything that is there: id → contact info.
local function everything(server)
  local all, count = {}, 0
  for i = 1, PEOPLE do
    for _, info in ipairs(server.contact_infos(server.user_ids[i]) or {}) do
      all[info.id], count = info, count + 1
    end
  end
  return all, count
end

-- What somebody does by hand to the third person: returns the id of what must be there as it is now, or of what must
-- stay gone, and whether there is one contact info more or less.
local function info_of(server, subtype, kind)
  for _, info in ipairs(server.contact_infos(server.user_ids[3])) do
    if info.type == (kind or "phone") and info.subType == subtype then
      return info
    end
  end
end

sweep.EDITS = {
  correct = function(server, other)
    local info = info_of(server, "work")
    assert(other.contact_infos:patch(server.user_ids[3], info.id, { value = "+49 30 by hand" }))
    return info.id, 0
  end,
  touch = function(server, other) -- the time alone is another
    local info = info_of(server, "work")
    assert(other.contact_infos:patch(server.user_ids[3], info.id, {}))
    return info.id, 0
  end,
  delete = function(server, other)
    local info = info_of(server, "work")
    assert(other.contact_infos:delete(server.user_ids[3], info.id))
    return info.id, -1
  end,
  keep = function(server, other) -- of what would be deleted
    local info = info_of(server, "work", "urls")
    if info then
      assert(other.contact_infos:patch(server.user_ids[3], info.id, { value = "https://example.org/by-hand" }))
    end
    return info and info.id, 0
  end,
  add = function(server, other) -- the same as will be made
    local made = assert(other.contact_infos:create(server.user_ids[3], phone("+49 40 33", "mobile")))
    return made.id, 1
  end,
}

local function same(a, b)
  return (a and a.value) == (b and b.value) and (a and a.updatedOn) == (b and b.updatedOn)
end

--- One apply, and one edit by hand after the `moment`th answer; the clock moves on by more than max_age then. Gives
-- false when the apply had fewer answers than that.
---@param server table
---@param edit string of EDITS
---@param moment integer
---@param how string "many", "list" or "each"
---@param undo? boolean the edit comes while that apply is undone
---@return boolean
function sweep.edit(server, edit, moment, how, undo)
  populate(server)
  local clock, answers, armed, by_hand, more, there = {}, 0, false, nil, nil, nil
  local other <close> = help.client(server)
  local client <close> = virtual(server, clock, { on_response = function()
    answers = answers + (armed and 1 or 0)
    if armed and answers == moment then
      armed = false
      by_hand, more = sweep.EDITS[edit](server, other)
      there = by_hand and everything(server)[by_hand]
      clock.now = clock.now + 6
    end
  end })
  local opts = { recheck = how ~= "many" and how or nil, concurrency = 2, lock = sweep.dir, journal_dir = sweep.dir }
  local plan = assert(client:plan(desired(server), OPTIONS))
  local _, before = everything(server)
  local report
  if undo then
    local first = assert(client:apply(plan, opts))
    assert(first.state == "done")
    _, before = everything(server)
    armed = true
    report = assert(client:undo(first.journal, { recheck = opts.recheck, concurrency = 2, lock = sweep.dir,
      journal = false }))
    os.remove(first.journal)
  else
    armed = true
    report = assert(client:apply(plan, opts))
    if report.journal then
      os.remove(report.journal)
    end
  end
  local where = ("%s after answer %d, %s%s"):format(edit, moment, how, undo and ", undo" or "")
  local counts = report.counts
  assert(counts.failed + counts.not_run == 0, where .. ": something failed")
  local after, number = everything(server)
  assert(number == before + counts.create - counts.delete + (more or 0), where .. ": the ledger does not balance")
  if by_hand and edit ~= "add" then
    assert(same(after[by_hand], there), where .. ": what was done by hand did not stay")
  end
  local seen = {}
  for i = 1, PEOPLE do
    for _, info in ipairs(server.contact_infos(server.user_ids[i])) do
      local key = i .. info.type .. tostring(info.subType) .. info.value
      -- One by hand after ours was made is a second one, and theirs.
      assert(not seen[key] or edit == "add" and i == 3, where .. ": twice")
      seen[key] = true
    end
  end
  return not armed
end

--- A second apply of the same plan is started after the `moment`th answer of the first: refused, always; and after it:
-- nothing to do. False when there are fewer answers.
---@return boolean
function sweep.two(server, moment, undo)
  populate(server)
  local clock, answers, armed, refusal = {}, 0, false, nil
  local second <close> = help.client(server)
  local again, journal
  local client <close> = virtual(server, clock, { on_response = function()
    answers = answers + (armed and 1 or 0)
    if armed and answers == moment then
      armed = false
      local report, err
      if undo then
        report, err = second:undo(journal, { journal = false, lock = sweep.dir })
      else
        report, err = second:apply(again, { journal = false, lock = sweep.dir })
      end
      assert(not report and err.code == "locked", "a second apply was not refused")
      refusal = err
    end
  end })
  journal = assert(client:apply(assert(client:plan { { user = server.user_ids[4], contact_infos = {
    phone("+49 50 1", "fax") } } }), { lock = sweep.dir, journal_dir = sweep.dir })).journal
  local plan = assert(client:plan(desired(server), OPTIONS))
  again = assert(awork.load_plan(plan:to_json()))
  armed = true
  local report = assert(client:apply(plan, { journal = false, lock = sweep.dir, concurrency = 2 }))
  os.remove(journal)
  assert(report.state == "done", "the first apply did not come about")
  local counts = assert(second:apply(again, { journal = false, lock = sweep.dir })).counts
  assert(counts.already == #plan.changes, "the second apply made something")
  return refusal ~= nil
end

--- An apply to a server whose lists lag, whose clocks differ, and whose answers to creates are lost; and its undo,
-- from a journal as it is after any of its lines. Nothing twice, and what others created meanwhile stays.
---@param options table for create_sweep.wrong
---@return integer runs
function sweep.wrong(server, options)
  server.clear_faults()
  server.reset()
  populate(server)
  local client <close> = creates.hasty(server, { timeout = 60, retries = 2 })
  local plan = assert(client:plan(desired(server), OPTIONS))
  local before = everything(server)
  for _, fault in ipairs(creates.wrong(options)) do
    fault.method = fault.method or "POST"
    server.fault(fault)
  end
  local report = assert(client:apply(plan, { lock = sweep.dir, journal_dir = sweep.dir }))
  server.clear_faults()
  local seen = {}
  for _, info in pairs((everything(server))) do
    local key = info.type .. tostring(info.subType) .. info.value
    assert(not seen[key], "made twice: " .. key)
    seen[key] = true
  end
  local lines = {}
  for line in io.lines(report.journal) do
    lines[#lines + 1] = line .. "\n"
  end
  os.remove(report.journal)
  -- An hour later, somebody else enters what a plan made, or would have.
  server.advance(3600)
  local by_hand = {}
  for i = 1, PEOPLE do
    by_hand[i] = assert(client.contact_infos:create(server.user_ids[i], phone("+49 40 3" .. i, "mobile")))
  end
  local path = sweep.dir .. "/cut"
  local runs = 1
  for last = #lines, 1, -1 do
    local file = assert(io.open(path, "wb"))
    file:write(table.concat(lines, "", 1, last))
    file:close()
    assert(client:undo(path, { journal = false, lock = sweep.dir }))
    local there = everything(server)
    for i = 1, PEOPLE do
      assert(there[by_hand[i].id], "what somebody else entered was deleted")
    end
    for id, info in pairs(before) do
      -- What was replaced keeps its id; what was deleted is there again with another one.
      assert(there[id] or info.type == "urls", "something is gone that was there before")
    end
    runs = runs + 1
  end
  return runs
end

--- Reads everyone, a few at a time, while somebody is added or deleted before the `boundary`th page: each who stays is
-- given once, or there is an error.
---@return boolean whole false when the list ended in an error
function sweep.shift(server, count, size, boundary, kind)
  local list = {}
  for i = 1, count do
    list[i] = { firstName = "P" .. i, createdOn = ("2026-01-01T00:00:%02dZ"):format(i) }
  end
  server.set { users = list, companies = 0 }
  local ids, stays = server.user_ids, {}
  for _, id in ipairs(ids) do
    stays[id] = true
  end
  local other <close> = help.client(server)
  local pages = 0
  local client <close> = help.client(server, { on_response = function()
    pages = pages + 1
    if pages == boundary then
      -- The token is the first one's.
      local victim = kind == "front" and ids[2] or kind == "back" and ids[#ids] or ids[#ids // 2 + 1]
      if kind == "all" then
        for i = 2, math.min(#ids, size + 1) do
          stays[ids[i]] = nil
          assert(other.users:delete(ids[i]))
        end
      else
        stays[victim] = nil
        assert(other.users:delete(victim))
      end
    end
  end })
  local seen = {}
  for user, err in client.users:each { pageSize = size } do
    if not user then
      assert(err.code == "list-changed", tostring(err))
      return false
    end
    assert(not seen[user.id], "somebody was given twice")
    seen[user.id] = true
  end
  for id in pairs(stays) do
    assert(seen[id], "somebody who stayed was not given")
  end
  return true
end

--- Where locks and journals go.
sweep.dir = os.tmpname()
os.remove(sweep.dir)

function sweep.open()
  assert(require "awork.posix".make_dirs(sweep.dir))
end

function sweep.close()
  os.execute("rm -rf '" .. sweep.dir .. "'")
end

return sweep
