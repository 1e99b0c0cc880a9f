--- CSV (RFC 4180): people, one a row under a header row, as Excel, Personio, Outlook and Google write it.
--
-- A parser of our own (csv_rows.lua): libcsv drops the spaces around a value and knows neither lines nor columns for
-- its errors, the rocks there are read whole files; this one needs a window of 64 KiB and says where each value stands.
local cells_of = require "awork.format.csv_cells"
local labels = require "awork.format.labels"
local persons = require "awork.format.person"
local plans = require "awork.format.csv_plan"
local rows = require "awork.format.csv_rows"
local stream = require "awork.format.stream"
local text = require "awork.format.text"
local write = require "awork.format.csv_write"

local find, gsub, sub = string.find, string.gsub, string.sub
local trim = text.trim

local JOIN = write.join

-- A cell's text as it was meant; nil for none; nil and what is wrong with it.
local function clean(cell, state, type)
  if state.trim then cell = trim(cell) end
  if cell == "" then return nil end
  local problem = cells_of.problem(cell, type)
  if problem then return nil, problem end
  return state.formulas and cells_of.arm(cell) or cell
end

-- The separator under which the header means most; the comma if it means nothing under any.
local function guess_separator(input)
  local best, most, widest = ",", 0, 1
  for _, separator in ipairs { ",", ";", "\t", "|" } do
    local header = rows.peek(input, separator)
    if header then
      local count = plans.understood(header)
      if count > most or (count == most and #header > widest) then best, most, widest = separator, count, #header end
    end
  end
  return best
end

-- House number and post box are not fields of awork's: they go where a letter has them.
local function finish_address(info)
  if info.houseNumber then
    info.addressLine1 = info.addressLine1 and info.addressLine1 .. " " .. info.houseNumber or info.houseNumber
    info.houseNumber = nil
  end
  if info.poBox then
    if info.addressLine1 then
      info.addressLine2 = info.addressLine2 and info.addressLine2 .. ", " .. info.poBox or info.poBox
    else
      info.addressLine1 = info.poBox
    end
    info.poBox = nil
  end
  -- Google puts the whole street into one cell, line by line.
  if info.addressLine1 and find(info.addressLine1, "\n", 1, true) and not info.addressLine2 then
    local first, rest = info.addressLine1:match "^([^\n]*)\n(.*)$"
    info.addressLine1, info.addressLine2 = trim(first), trim(gsub(rest, "\n", ", "))
  end
end

local function not_valid(encoding)
  return "not valid " .. encoding .. (encoding == "utf-8"
    and ": name the encoding, as in encoding = \"windows-1252\" for Excel's plain CSV" or "")
end

local function reader(input, opts, level)
  local separator = opts.separator
  if separator and not separator:find "^[,;\t|]$" then
    error("separator must be ',', ';', a tab or '|'", level)
  end
  local function broken(err)
    input:close()
    return stream.broken(err)
  end
  local _, failed = input:more(rows.window)
  if failed then return broken(failed) end
  -- Excel's own way to name the separator, a first line "sep=;".
  local directive, rest = input.buf:match "^[Ss][Ee][Pp]=([,;\t|])\r?\n()"
  if directive then input.pos = rest end
  separator = separator or directive or guess_separator(input)
  local next_row = rows.reader(input, separator, directive and 2 or 1)

  local header, row_or_error, header_line, invalid
  repeat
    header, row_or_error, header_line, invalid = next_row()
  until not header or find(table.concat(header), "[^ \t]")
  if not header then
    return broken(row_or_error or stream.fail("columns", "there is nothing in it, not even a header row",
      { file = input.name }))
  elseif invalid then
    return broken(stream.fail("encoding", "the header is " .. not_valid(input.encoding),
      { file = input.name, row = row_or_error, line = header_line }))
  end
  for i = 1, #header do header[i] = trim(header[i]) end
  local plan, warnings = plans.compile(header, opts, input.name, level + 1)
  if not plan then return broken(warnings) end
  local state = { trim = opts.trim ~= false, formulas = opts.escape_formulas ~= false }

  local file, width = input.name, #header
  local unknown = plan.unknown[1] and plan.unknown or nil
  local countries, known = {}, 0
  local function country(name)
    local code = countries[name]
    if not code then
      if known >= 1000 then countries, known = {}, 0 end
      code = persons.country(name)
      countries[name], known = code, known + 1
    end
    return code
  end

  local function kind_of(producer, cells)
    local label = producer.kind and cells[producer.kind]
    if not label or label == "" then return producer.subType end
    return labels.of_label(producer.type, label) or "other"
  end

  -- The person of a row, or nil and an error; nothing for a row with nothing in it.
  local function person_of(cells, row, line)
    local function fail(code, i, message)
      return nil, stream.fail(code, message, { file = file, row = row, line = line, column = i and header[i] })
    end
    local blank = true
    for i = 1, #cells do
      if cells[i] ~= "" then
        blank = false
        if i > width then
          return fail("syntax", nil, ("more cells (%d) than the header has columns (%d): a value with '%s' in it must "
            .. "stand in quotes"):format(#cells, width, separator == "\t" and "a tab" or separator))
        end
      end
    end
    if blank then return nil end

    local contact_infos, where, n = {}, {}, 0
    local infos = plan.infos
    for k = 1, #infos do
      local producer = infos[k]
      local index = producer.index
      if index then
        local cell = cells[index]
        if cell and cell ~= "" then
          local value, problem = clean(cell, state, producer.type)
          if problem then return fail("syntax", index, problem) end
          if value then
            local subtype = kind_of(producer, cells)
            local from = 1
            repeat
              local at, stop = find(value, JOIN, from, true)
              local one = value
              if from > 1 or at then
                one = sub(value, from, at and at - 1)
                if state.trim then one = trim(one) end
              end
              if one ~= "" then
                n = n + 1
                contact_infos[n] = { type = producer.type, subType = subtype, value = one }
                where[n] = producer.column
              end
              from = stop and stop + 1
            until not from
          end
        end
      else
        local info, filled = nil, false
        for _, part in ipairs(producer.fields) do
          local cell = cells[part.index]
          if cell and cell ~= "" then
            local value, problem = clean(cell, state)
            if problem then return fail("syntax", part.index, problem) end
            if value then
              info = info or {}
              if part.field == "country" then
                value = country(value)
              else
                filled = true
              end
              info[part.field] = value
            end
          end
        end
        -- A country that is filled in for everybody makes no address.
        if info and (filled or not producer.loose) then
          info.type, info.subType = producer.type, kind_of(producer, cells)
          if producer.type == "address" then
            info.isAddress = true
            if producer.loose then finish_address(info) end
          end
          n = n + 1
          contact_infos[n], where[n] = info, producer.columns
        end
      end
    end

    local person = { contact_infos = contact_infos }
    local about = plan.person
    for field, index in pairs(about) do
      local cell = cells[index]
      if cell and cell ~= "" then
        local value, problem = clean(cell, state)
        if problem then return fail("syntax", index, problem) end
        person[field] = value
      end
    end
    if person.name then
      local first, last = persons.split_name(person.name)
      if not about.firstName then person.firstName = first end
      if not about.lastName then person.lastName = last end
      person.name = nil
    end
    if opts.extra then
      person.extra = {}
      for _, index in ipairs(plan.unmapped) do
        if cells[index] and cells[index] ~= "" then person.extra[header[index]] = cells[index] end
      end
    end

    if plan.user_column then
      local value, problem = clean(cells[plan.user_column] or "", state)
      if problem then return fail("syntax", plan.user_column, problem) end
      person.user = value
    elseif plan.user_spec then
      local spec = plan.user_spec
      for _, info in ipairs(contact_infos) do
        if info.type == spec.type and info.subType == spec.subType then
          person.user = info.value
          break
        end
      end
    end
    if not opts.user then person.user = person.user or persons.email_of(contact_infos) end
    if not person.user and opts.user ~= false then
      return fail("user", plan.user_column, opts.user and not plan.user_column
        and ("no %s to tell whose row this is"):format(opts.user)
        or plan.user_column and "is empty, and says whose row this is"
        or "neither an awork id nor one email address for work: who is this? Name the column with the option 'user'")
    end
    person.source = { format = "csv", file = file, row = row, line = line, columns = where, unknown = unknown }
    return person
  end

  return stream.reader(function()
    while true do
      local cells, row, first_line, is_invalid = next_row()
      if not cells then return nil, row end
      if is_invalid then
        local column
        for i = 1, #cells do
          if not utf8.len(cells[i]) then
            column = header[i]
            break
          end
        end
        return nil, stream.fail("encoding", not_valid(input.encoding),
          { file = file, row = row, line = first_line, column = column }, true)
      end
      local person, problem = person_of(cells, row, first_line)
      if person or problem then return person, problem end
    end
  end, input, { columns = header, separator = separator, warnings = warnings })
end

return stream.format {
  reader = reader, encoder = write.encoder,
  read_options = "separator columns trim escape_formulas",
  write_options = "separator columns eol bom escape_formulas",
}
