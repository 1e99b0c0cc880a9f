local help = require "client_help"

describe("create_many", function()
  local server, client, id

  setup(function()
    server = help.server()
    id = server.user_ids[1]
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
    client = help.client(server)
  end)

  after_each(function()
    client:close()
  end)

  local function rows_of(n)
    local rows = {}
    for i = 1, n do
      rows[i] = { user_id = server.user_ids[1 + i % 3], info = { type = "phone", value = ("%05d"):format(i) } }
    end
    return rows
  end

  local function created_values()
    local values = {}
    for _, user_id in ipairs(server.user_ids) do
      for _, info in ipairs(server.contact_infos(user_id)) do
        values[#values + 1] = info.value
      end
    end
    table.sort(values)
    return values
  end

  it("creates all rows of a list and reports in its order", function()
    local rows = rows_of(100)
    local report, err, partial = client.contact_infos:create_many(rows)
    assert.is_nil(err)
    assert.is_nil(partial)
    assert.is_true(report.ok)
    assert.equal(100, report.total)
    assert.equal(100, report.done)
    assert.equal(100, report.created)
    assert.equal(0, report.failed + report.skipped + report.adopted)
    assert.is_false(report.stopped)
    assert.is_true(report.elapsed >= 0)
    for i, result in ipairs(report.results) do
      assert.is_true(result.ok)
      assert.equal(rows[i].info.value, result.info.value)
    end
    assert.equal(100, #created_values())
  end)

  it("has as many under way as it is told", function()
    server.fault { kind = "delay", seconds = 0.02, times = math.huge }
    for _, n in ipairs { 1, 8 } do
      server.clear_requests()
      assert.is_true(client.contact_infos:create_many(rows_of(24), { concurrency = n }).ok)
      -- Each that is under way has a connection to itself.
      local used, count = {}, 0
      for _, request in ipairs(server.requests()) do
        count = count + (used[request.connection] and 0 or 1)
        used[request.connection] = true
      end
      assert.is_true(count <= n and (n == 1 or count > 1))
    end
  end)

  it("creates nothing of an empty list", function()
    local report = client.contact_infos:create_many {}
    assert.is_true(report.ok)
    assert.equal(0, report.total)
    assert.same({}, report.results)
    report = client.contact_infos:create_many(function() return nil end)
    assert.is_true(report.ok)
    assert.equal(0, report.total)
  end)

  it("loses no row by another one's fault", function()
    local rows = rows_of(12)
    rows[2].info = { type = "phone", subType = "Work", value = "1" }
    rows[4] = "no row"
    rows[5] = { info = rows[6].info }
    rows[6] = { user_id = id }
    rows[7].user_id = "no guid"
    rows[8].user_id = help.nobody
    rows[9].info = setmetatable({}, { __index = function() error "hostile" end })
    local report = client.contact_infos:create_many(rows)
    assert.is_false(report.ok)
    assert.equal(12, report.done)
    local codes = {}
    for i, result in ipairs(report.results) do
      codes[i] = result.ok and "ok" or result.err.code
    end
    assert.same({
      "ok", "validation-failed", "ok", "invalid-row", "invalid-row", "invalid-row", "invalid-id", "not-found",
      "row-failed", "ok", "ok", "ok",
    }, codes)
    assert.equal(report.created + report.failed, 12)
  end)

  it("takes rows from an iterator and streams the results", function()
    local next_row, seen, progress = 0, {}, 0
    local report = client.contact_infos:create_many(function()
      next_row = next_row + 1
      if next_row <= 50 then
        return { user_id = id, info = { type = "phone", value = ("%05d"):format(next_row) } }
      end
    end, {
      on_result = function(index, row, info, err)
        assert.is_nil(err)
        assert.equal(("%05d"):format(index), row.info.value)
        assert.equal(row.info.value, info.value)
        seen[#seen + 1] = index
      end,
      on_progress = function(done, total, stats)
        progress = progress + 1
        assert.equal(progress, done)
        assert.is_nil(total)
        assert.equal(done, stats.created + stats.failed)
      end,
    })
    assert.is_true(report.ok)
    assert.equal(50, report.total)
    assert.is_nil(report.results)
    assert.equal(50, #seen)
    assert.equal(50, progress)
    table.sort(seen)
    assert.equal(50, seen[50])
  end)

  it("takes a callable table, a generator, and an iterator that asks the client itself", function()
    local n = 0
    local report = client.contact_infos:create_many(setmetatable({}, { __call = function()
      n = n + 1
      return n <= 3 and { user_id = id, info = help.phone() } or nil
    end }))
    assert.equal(3, report.created)
    report = client.contact_infos:create_many(coroutine.wrap(function()
      for user in client.users:each() do
        coroutine.yield { user_id = user.id, info = help.phone() }
      end
    end))
    assert.equal(3, report.created)
    local users = client.users:each { pageSize = 1 }
    report = client.contact_infos:create_many(function()
      local user = users()
      return user and { user_id = user.id, info = help.phone() }
    end)
    assert.equal(3, report.created)
  end)

  it("creates contact infos of companies", function()
    local report = client.company_contact_infos:create_many {
      { company_id = server.company_ids[1], info = { type = "phone", subType = "central", value = "12345" } },
      { user_id = server.company_ids[1], info = { type = "phone", subType = "central", value = "12345" } },
    }
    assert.is_true(report.results[1].ok)
    assert.equal("company_id", report.results[2].err.violations[1].property)
  end)

  it("works in a task, beside others", function()
    local one = client:spawn(function() return client.contact_infos:create_many(rows_of(20)) end)
    local two = client:spawn(function() return client.contact_infos:create_many(rows_of(20)) end)
    local user = client:spawn(function() return client.users:me() end)
    assert(client:loop())
    assert.equal(20, one:wait().created)
    assert.equal(20, two:wait().created)
    assert.equal(server.me_id, user:wait().id)
  end)

  it("stops at an error if told so, and says which rows were not begun", function()
    local rows = rows_of(50)
    rows[5].info = { type = "nonsense" }
    local report = client.contact_infos:create_many(rows, { stop_on_error = true, concurrency = 2 })
    assert.is_false(report.ok)
    assert.is_true(report.stopped)
    assert.equal(1, report.failed)
    assert.is_true(report.skipped >= 40)
    assert.equal(50, report.done + report.skipped)
    assert.equal("not-tried", report.results[50].err.code)
    assert.equal(report.created, #created_values())
  end)

  it("stops when a callback returns false", function()
    for _, name in ipairs { "on_progress", "on_result" } do
      local calls = 0
      local report = client.contact_infos:create_many(rows_of(50), {
        [name] = function()
          calls = calls + 1
          return calls < 10
        end,
      })
      assert.is_true(report.stopped)
      assert.is_false(report.ok)
      assert.equal(50, report.done + report.skipped)
      assert.equal(report.done, report.created)
      assert.is_true(report.done < 30)
    end
  end)

  it("stops when a callback raises, finishes what is under way, and loses no result", function()
    for _, name in ipairs { "on_progress", "on_result" } do
      server.reset()
      local report, err, partial = client.contact_infos:create_many(rows_of(50), {
        [name] = function() error "my fault" end,
      })
      assert.is_nil(report)
      assert.equal("callback", err.kind)
      assert.matches("my fault", tostring(err))
      assert.is_true(partial.created >= 1)
      assert.equal(partial.created, #created_values())
      assert.equal(50, partial.done + partial.skipped)
    end
    assert.is_true((client:loop()))
  end)

  it("stops when the iterator raises", function()
    local n = 0
    local report, err, partial = client.contact_infos:create_many(function()
      n = n + 1
      if n == 5 then
        error "broken file"
      end
      return { user_id = id, info = help.phone() }
    end)
    assert.is_nil(report)
    assert.equal("rows-failed", err.code)
    assert.matches("broken file", tostring(err))
    assert.equal(4, partial.created)
  end)

  it("cancelled with its task leaves nothing behind", function()
    server.fault { kind = "delay", seconds = 5, times = math.huge, method = "POST" }
    local task = client:spawn(function() return client.contact_infos:create_many(rows_of(50)) end)
    for _ = 1, 5 do
      client:step()
    end
    assert.is_true(client:stats().in_flight > 0)
    task:cancel()
    assert.equal(0, client:step())
    local stats = client:stats()
    assert.equal(0, stats.in_flight + stats.queued + stats.tasks)
    assert.equal("cancelled", select(2, task:wait()).kind)
  end)

  it("ended by close says so, with the report so far", function()
    local closing = help.client(server)
    local report, err, partial = closing.contact_infos:create_many(rows_of(50), {
      on_progress = function(done)
        if done == 10 then
          closing:close()
        end
      end,
    })
    assert.is_nil(report)
    assert.equal("closed", err.kind)
    assert.equal(50, partial.done + partial.skipped)
    assert.is_true(partial.created >= 10)
  end)

  it("keeps memory constant for an iterator", function()
    local n, used, most = 0, nil, 0
    local report = client.contact_infos:create_many(function()
      n = n + 1
      if n % 500 == 0 then
        collectgarbage()
        collectgarbage()
        local now = collectgarbage "count"
        if n == 1000 then
          used = now
        elseif n > 1000 then
          most = math.max(most, now)
        end
      end
      return n <= 3000 and { user_id = id, info = { type = "phone", value = ("%05d"):format(n) } } or nil
    end)
    assert.equal(3000, report.created)
    -- What remains of a row is its id, 37 bytes, for some seconds.
    assert.is_true(most - used < 200, ("%.0f KiB more"):format(most - used))
  end)

  it("creates each row once though every fifth answer is lost", function()
    local steady <close> = help.client(server, {
      random = function() return 0 end, timeout = 60, retries = 5, list_lag = 0,
    })
    server.fault { kind = "reset_after", method = "POST", probability = 0.1, seed = 7, times = math.huge }
    server.fault { kind = "reset_before", method = "POST", probability = 0.1, seed = 8, times = math.huge }
    local report = steady.contact_infos:create_many(rows_of(60))
    assert.equal(60, report.created)
    assert.is_true(report.adopted > 0)
    local values = created_values()
    assert.equal(60, #values)
    for i = 1, 60 do
      assert.equal(("%05d"):format(i), values[i])
    end
  end)
end)
