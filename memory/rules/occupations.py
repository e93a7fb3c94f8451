"""The words after "I am" or "I work as" in, the job or the kind of student that they name out.

Law: an ending alone ("-man", "-ist") makes a job of a plain lower-case noun only; languages, peoples and what somebody
is doing ("learning German") are none.
"""

import re

from memory.rules.lexicon import LANGUAGES, NOT_NAMES, NOT_VALUES, listing

JOBS = listing(
    "nurse, teacher, baker, plumber, lawyer, pilot, farmer, chef, painter, dentist, librarian, carpenter, mechanic, "
    "journalist,"
    "translator, gardener, designer, programmer, accountant, electrician, architect, engineer, actor, actress, "
    "editor, artist,"
    "barber, biologist, chemist, musician, photographer, sailor, tailor, waiter, waitress, judge, firefighter, doctor,"
    "police officer, scientist, student, blacksmith, veterinarian, vet, cartographer, taxidermist, beekeeper, cook, "
    "clerk,"
    "cashier, consultant, manager, director, developer, analyst, researcher, professor, lecturer, surgeon, "
    "physician, midwife,"
    "pharmacist, paramedic, therapist, psychologist, psychiatrist, physiotherapist, social worker, soldier, officer,"
    " detective,"
    "writer, author, poet, novelist, reporter, singer, dancer, drummer, pianist, guitarist, violinist, composer, "
    "producer,"
    "driver, trucker, courier, postman, mailman, butcher, builder, bricklayer, roofer, welder, glazier, surveyor, "
    "actuary, paralegal,"
    "botanist, technician, adviser, advisor, attorney, solicitor, barrister, notary, banker, broker, trader, "
    "economist, statistician,"
    "mathematician, physicist, geologist, historian, philosopher, linguist, archaeologist, astronomer, astronaut, "
    "diplomat,"
    "politician, mayor, minister, priest, pastor, rabbi, imam, monk, nun, secretary, assistant, receptionist, "
    "recruiter, salesperson,"
    "salesman, saleswoman, marketer, entrepreneur, founder, ceo, cto, cfo, coach, trainer, tutor, principal, "
    "headteacher, nanny,"
    "babysitter, cleaner, janitor, housekeeper, hairdresser, stylist, florist, fisherman, forester, vintner, brewer,"
    " barista,"
    "bartender, sommelier, freelancer, contractor, intern, apprentice, trainee, postdoc, phd student, "
    "data scientist, admin,"
    "administrator, curator, conductor, dj, streamer, youtuber, model, athlete, footballer, referee, jockey, guide, "
    "steward,"
    "flight attendant, lifeguard, security guard, guard, locksmith, watchmaker, jeweller, jeweler, potter, weaver, "
    "upholsterer,"
    "optician, radiologist, cardiologist, paediatrician, pediatrician, dermatologist, neurologist, oncologist, "
    "anaesthetist,"
    "stay-at-home mum, stay-at-home mom, stay-at-home dad, homemaker, housewife, carer, caregiver, pensioner, "
    "retiree, tester, devops engineer"
)

#: Whatever stands before them: "a marine biologist", "a games maker".
_ENDINGS = ("ologist", "ographer", "grapher", "engineer", "ician", "maker", "keeper", "worker", "nurse")
#: Words of every kind end so.
_LOOSE_ENDINGS = ("ist", "man", "woman", "smith")
NOT_JOBS = listing(
    "fan, lover, beginner, member, user, speaker, father, mother, brother, sister, gamer, smoker, owner, winner, "
    "loser, bit, lot, person, human, man, woman, boy, girl, guy, mess, believer, newcomer, foreigner, stranger, "
    "teenager, role model, judge of character, coworker, co-worker, troublemaker, peacemaker, "
    "decision maker, list, twist, feminist, optimist, pessimist, perfectionist, realist, atheist, minimalist, purist, "
    "tourist, humanist, pacifist, racist, sexist, terrorist, egoist, egotist, generalist, communist, "
    "socialist, capitalist, marxist, anarchist, fascist, nationalist, populist, centrist, leftist, extremist, "
    "royalist, monarchist, loyalist, buddhist, taoist, baptist, methodist, calvinist, nihilist, idealist, fatalist, "
    "moralist, traditionalist, individualist, materialist, narcissist, masochist, sadist, nudist, naturist, cyclist, "
    "motorist, hobbyist, finalist, protagonist, antagonist, misogynist, gentleman, gentlewoman, norman, roman, "
    "ottoman, "
    "turkoman, talisman, superman, superwoman, batman, spiderman, spider-man, ironman, catwoman, snowman, caveman, "
    "freshman, layman, madman, middleman, strongman, bogeyman, everyman, hangman, frenchman, frenchwoman, englishman, "
    "englishwoman, irishman, irishwoman, scotsman, scotswoman, welshman, welshwoman, dutchman, dutchwoman, cornishman, "
    "chinaman, yorkshireman"
)
_BARE = listing("keeper, maker, worker, specialist")  #: on their own they say nothing
#: Before a noun of work they say how, or that it is none: "a terrible cook", "a keen photographer".
_QUALITIES = listing(
    "amateur, hobby, keen, avid, passionate, aspiring, budding, wannabe, would-be, good, bad, great, terrible, awful, "
    "horrible, lousy, decent, amazing, excellent, brilliant, better, worse, best, worst, hard, slow, fast, quick, "
    "careful, safe, poor, natural, born, big, huge, real, true, total, complete, little, bit, role, armchair, sunday, "
    "happy, diligent, hard-working, hardworking, lazy, proud, average, typical"
)
_NOT_IN_JOBS = listing(
    "is, are, was, were, be, been, a, an, the, my, your, his, her, its, our, their, this, that, these, those, i, you, "
    "he, she, it, we, they, me, him, them, not, as, if, who, which, so, very, too"
)
#: "Works as a team" is about no job.
_NOT_STATED = listing(
    "team, group, couple, pair, family, unit, whole, hobby, pastime, joke, treat, test, result, reward, favour, favor, "
    "matter, way, distraction, excuse, charm, gift, present, backup, rule, start, side, team player"
)
#: "An X student" with these says nothing of a subject.
_STUDENT_KINDS = listing(
    "phd, ph.d., doctoral, master's, masters, master, bachelor, bachelor's, mba, graduate, grad, postgraduate, "
    "postgrad, undergraduate, undergrad, college, university, uni, school, high school, secondary school, "
    "middle school, grammar school, primary school, exchange, erasmus, international, foreign, overseas, visiting, "
    "full-time, part-time, full time, part time, mature, adult, research, final, evening, distance, online, fellow, "
    "new, old, former, current, perpetual, eternal, lifelong, straight-a, honours, honors, medical, dental, "
    "scholarship, "
    "broke, struggling, bright, regular, young, local, top"
)
_YEAR = re.compile(r"^(?:\w+|\d\w\w)[- ](?:year|semester|term|grade)$")
_BEHIND = re.compile(r"\s+(?:at|for|in|from|with|by|on|and|to|working|who|near|between)\b.*$")
_NOUN = re.compile(r"(?:(?P<article>an?|the)\s+)?(?P<noun>.+)$", re.IGNORECASE)


def job_in(value: str, *, casual: bool = False) -> str | None:
    """Return the words of a job with their article ("a data engineer"), None when they name none."""
    if re.search(r"\bat heart\b", value, re.IGNORECASE):
        return None
    value = _BEHIND.sub("", value).split(",")[0].strip()
    found = _NOUN.match(value)
    if not found or len(value.split()) > 6:
        return None
    noun = found["noun"].split(" of ")[0]
    words = noun.casefold().split()
    if not words or not _may_be_job(words):
        return None
    if words[-1] == "student" and len(words) > 1 and not is_student_kind(" ".join(words[:-1])):
        return None
    is_job = _is_job(noun, words) if found["article"] else _is_bare_job(noun, words, casual)
    return value if is_job else None


def stated_job_in(value: str, *, casual: bool = False) -> str | None:
    """Return the job after "works as": any noun with an article will do."""
    known = job_in(value, casual=casual)
    if known:
        return known
    value = _BEHIND.sub("", value).split(",")[0].strip()
    words = value.casefold().split()
    if (
        not 2 <= len(words) <= 5
        or words[0] not in ("a", "an")
        or {words[-1], " ".join(words[1:])} & (_NOT_STATED | LANGUAGES)
    ):
        return None
    return None if words[1] in _QUALITIES or _NOT_IN_JOBS & set(words[1:]) else value


def is_student_kind(words: str) -> bool:
    """True for "first-year", "PhD", "good": what a student is, beside a subject."""
    folded = words.casefold()
    last = folded.split()[-1] if folded.split() else ""
    return folded in _STUDENT_KINDS | _QUALITIES or last in _STUDENT_KINDS | _QUALITIES or bool(_YEAR.match(folded))


def _may_be_job(words: list[str]) -> bool:
    noun = " ".join(words)
    if noun in NOT_JOBS | _BARE or words[-1] in NOT_JOBS | LANGUAGES or words[0] in _QUALITIES:
        return False
    return not _NOT_IN_JOBS & set(words)


def _is_job(noun: str, words: list[str]) -> bool:
    last = words[-1]
    plain = noun.split()[-1].islower()
    return last in JOBS or last.endswith(_ENDINGS) or (plain and last.endswith(_LOOSE_ENDINGS))


def _is_bare_job(noun: str, words: list[str], casual: bool) -> bool:
    """True for "senior nurse", "CEO", "Data Scientist": jobs without an article. "I'm Baker" is a name as soon."""
    single = len(words) == 1
    if " ".join(words) in JOBS:
        return not (single and noun.istitle())
    if len(words) > 3 or not all(word.islower() or word.isupper() for word in noun.split()):
        return False
    if single:
        return noun.islower() and noun.endswith(_ENDINGS if casual else (*_ENDINGS, *_LOOSE_ENDINGS))
    doing = words[0].endswith("ing") or words[0] in NOT_VALUES | NOT_NAMES
    return words[-1] in JOBS and not doing
