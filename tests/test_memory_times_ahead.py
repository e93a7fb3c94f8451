"""Whether a time without a year lies ahead or behind: the tense of the sentence tells it."""

from datetime import UTC, datetime

import pytest

from memory.rules.times import find_times
from tests.memory_rig import build

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday

AHEAD = """
dentist is on the 3rd of december at 9.40
I'm moving to Oslo in january
im moving to oslo in january
job interview on thursday
job interview on thursday at 2pm
dentist 3 dec 9.40
we're in Japan 28 march to 12 april
japan from 28 march to 12 april
I'm on leave from 3 to 7 May
conference 2-5 june
I'm away between the 3rd and the 10th of december
we're skiing from 28 december to 3 january
holiday June 28 to July 3
the fair runs December 3 to 7
the report is due on Friday
on Monday I start at Norvane
it is my birthday on 3 May
my birthday is on 3 may
When do I fly in January?
when do i fly in january
What do I have on 3 december?
What's coming up on 2 December?
what's on 2 december
am i free on thursday?
do I have anything planned on 2 december?
is there anything on 4 december
who's coming on friday?
the concert is on the 14th of february
my exam's on the 9th of december
mum's flying in on friday
mum's op is on the 4th of december
I have a dentist appointment on 3 december
i've got a vet appointment on the 2nd of december at 9.40
ive got an exam on monday
we have tickets for the opera on 5 december
I need to renew my passport by 3 march
rent is due on the 1st of december
lease runs until 31 march
the course starts on 4 january
School starts in january
my sister's wedding is in May
we're getting married in june
remind me to call the bank on tuesday
don't forget the plumber on wednesday
The meeting is scheduled for 3 December
the trip was moved to the 9th of december
I booked a table for friday
I bought a cake for 3 december
flight to Rome on 12 december at 6.20
The interview with Norvane was postponed to 4 december
I forgot to tell you, the dentist is on the 3rd of december
i had flu but my interview on thursday is still on
the train I booked is on the 3rd of December
My brother, who lives in Rome, is visiting us in january
I'm starting at Norvane on 7 january
She returns on the 8th of december
I must finish the tax return by january
parents' evening on thursday
mot due in march
cat to the vet on thursday
Ben's school play on 11 december
when is my flight to rome in january?
what am I doing on 30 march?
I said yes to a new job, I begin in january
We are going to Lisbon in March and Porto in April
The party is on 5 december. Ana comes too.
my exam is from 3 to 5 december
The dentist moved my appointment to 3 december
i got a new job and start on 1 december
I work at Norvane until 31 december
hi! quick note: dentist is on the 3rd of december at 9.40
btw my flight to lisbon leaves on 12 december at 6.20
mum is 70 in january
I'm having a knee operation in february
the boiler man is coming on tuesday at 9
pick up the kids at 3.15 on thursday
vet for Biscuit on 2 december
We've got the builders in on monday
piano recital 13 december
Ana and Tom get married in june
i fly home on 4 december
we leave for Oslo on the 28th of december
I'm out of office from the 23rd of december to the 2nd of january
Training camp 5th-9th january
Exam period between 10 and 20 january
marathon training starts on monday
will you remind me on wednesday?
can we talk about this on monday
what time is my interview on thursday?
do i work on friday?
am I in Oslo in january?
How many days until 24 december?
what is happening in january
Lease ends on 31 march
the deadline for the grant is 15 january
my parents are staying with us until 6 january
I'd love to go to Rome in april
She said the results are ready on monday
they told me the parcel arrives on tuesday
Car service on monday, then swimming on tuesday
hopefully we can move in in march
the wedding will be on 6 june
my last day at Norvane is 31 december
I hand in my thesis in february
thesis due 1 february
Our son is due on 14 february
swimming gala on 6 december at 10
I had a call: the operation is on 9 december
if the weather holds we sail on sunday
""".strip().splitlines()

PAST = """
I've been here since March
I'm reading the book I bought in May
What did I do on 2 December?
what did i have on 2 december
what was I doing on 3 december
I went to Rome in december
we had dinner with Ana on thursday
I was in Oslo in january
I was born on 3 december
On 3 December I broke my wrist
My bicycle got stolen on 3 december
the party on friday was great
we were in Japan from 28 march to 12 april
I was away between the 3rd and the 10th of december
In december we visited my aunt
I have lived in Oslo since january
ive worked at norvane since february
I've moved to Oslo in january
She left on the 3rd of december
did we meet on thursday?
have I been to the dentist in december?
where was I on 4 december?
who came to the party on 5 december?
when did we fly to Rome in january?
my cousin, who got married in May, is moving
I saw Dr. Smith on friday
I started at Norvane on 7 january
I quit my job in march
I read Dune in february
we sold the car in april
Ana told me on friday that she is pregnant
The last exam was on 9 december
my dad died on 4 december
had a great time in rome in april
i worked there until march
I'm tired because we flew in on friday
the flat we moved into in january is damp
I finished it by 3 may
I think I lost it on thursday
I'm still angry about what he said on monday
I'm happy: I passed my exam on 10 december
the pictures I took in may are gone
We stayed in Lisbon from the 3rd to the 10th of december
I'm using the bike that I got in april
It rained on thursday
I couldn't sleep on monday
what happened on 3 december?
what did you tell me on monday?
I remember getting a flat tire on 3 december
my recent trip on 3 december
my son was born on 14 february
the wedding was on 6 june
I handed in my thesis in february
my first day at Norvane was 4 january
i've known her since april
The boiler man came on tuesday at 9
We have been living in Oslo since january
I haven't smoked since march
yesterday was fine but on monday I felt ill
I got married on 6 june
I met Tom in june and he is lovely
I bought the sofa in june, it is green
what was the name of the restaurant we went to in june?
when I was in Rome in april I lost my ring
we adopted Biscuit in february
he's moved to Bonn in march
He died on 31 december
she passed her test on thursday
have you seen what I wrote on monday?
I used to swim on tuesday with Ana
the photos of the trip we made in july
we didn't go in january after all
I never went back after 3 december
where did I go in december?
how much did I pay in march?
was I at the dentist on 2 december?
I started the course on 4 january and I love it
On thursday, my boss shouted at me
I won the race in february!
Ben broke his arm on 5 december
It snowed in march
I think we last spoke on monday
my laptop has been broken since march
I did the tax return on 3 january
Granny visited from 2 to 5 june
we rented it between the 3rd and the 10th of december
ok so I was at the vet on 2 december with the cat
I ended up at home on friday
I woke up late on friday
the parcel that arrived on tuesday is for Ana
""".strip().splitlines()

INTERVALS = [
    ("we're in Japan 28 march to 12 april", "2027-03-28", "2027-04-13"),
    ("japan from 28 march to 12 april", "2027-03-28", "2027-04-13"),
    ("we were in Japan from 28 march to 12 april", "2026-03-28", "2026-04-13"),
    ("28 march to 12 april", "2026-03-28", "2026-04-13"),
    ("28 March - 12 April 2027", "2027-03-28", "2027-04-13"),
    ("I'm on leave from 3 to 7 May", "2027-05-03", "2027-05-08"),
    ("conference 2-5 june", "2027-06-02", "2027-06-06"),
    ("Training camp 5th-9th january", "2027-01-05", "2027-01-10"),
    ("I'm away between the 3rd and the 10th of december", "2026-12-03", "2026-12-11"),
    ("we rented it between the 3rd and the 10th of december", "2025-12-03", "2025-12-11"),
    ("we're skiing from 28 december to 3 january", "2026-12-28", "2027-01-04"),
    ("we were skiing from 28 december to 3 january", "2025-12-28", "2026-01-04"),
    ("I'm in Rome from 18 to 24 november", "2026-11-18", "2026-11-25"),
    ("holiday June 28 to July 3", "2027-06-28", "2027-07-04"),
    ("the fair runs December 3 to 7", "2026-12-03", "2026-12-08"),
    ("the fair runs between December 3 and 7", "2026-12-03", "2026-12-08"),
]


def _days(text: str) -> list[tuple[str, str]]:
    return [(str(time.start.date()), str(time.end.date())) for time in find_times(text, NOW)]


@pytest.mark.parametrize("text", AHEAD)
def test_what_is_to_come_is_dated_ahead(text: str):
    assert all(time.end > NOW for time in find_times(text, NOW))
    assert find_times(text, NOW)


@pytest.mark.parametrize("text", PAST)
def test_what_has_been_is_dated_back(text: str):
    assert all(time.start <= NOW for time in find_times(text, NOW))
    assert find_times(text, NOW)


@pytest.mark.parametrize("text", ["on 3 December", "and on 3 december?", "tell me about the party on 3 december"])
def test_without_a_tense_a_date_stays_the_last_one(text: str):
    assert _days(text) == [("2025-12-03", "2025-12-04")]


@pytest.mark.parametrize(("text", "start", "end"), INTERVALS)
def test_from_a_day_to_a_day_is_one_interval(text: str, start: str, end: str):
    assert _days(text) == [(start, end)]


@pytest.mark.parametrize("text", ["at 9 may be better", "version 2.3 may work", "meet at 9.40", "for Friday nights"])
def test_a_clock_time_and_a_habit_are_no_dates(text: str):
    assert _days(text) == []


def test_a_clock_time_after_a_date_ends_no_interval():
    assert _days("dentist December 3 - 9.40") == [("2026-12-03", "2026-12-04")]


def test_each_clause_has_its_own_tense():
    assert _days("We got married on 6 june and fly to Oslo on 3 january.") == [
        ("2026-06-06", "2026-06-07"),
        ("2027-01-03", "2027-01-04"),
    ]


def test_what_is_coming_on_a_day_stands_above_what_was(tmp_path):
    memory = build(tmp_path, None)  # its clock says March 2026
    memory.tell("On 2 December 2025 the offsite on budgets took place.")
    memory.tell("The vet sees Rex on 2 December 2026.")
    memory.tell("The choir sings in the old church.")
    assert "vet" in memory.found("What is coming up on 2 December 2026?")[0]
    memory.files.close()
