"""Who a person is in, the phrasings of name, home, work, birth, age, children and language out.

Law: about the user and about others the words are the same; only a name is nobody's but the user's.
"""

from adapters.embedded.corpus.relation import Phrasings, forms

PEOPLE: tuple[Phrasings, ...] = (
    Phrasings(
        id="name",
        value="name",
        weight=3,
        answer="Your name is {v}.",
        stored=forms("""
            {P} name is {v}.
            {P} first name is {v}.
            {P} full name is {v}.
            {P} real name is {v}.
            {P} given name is {v}.
            {S} is called {v}.
            {S} is named {v}.
            {S} goes by {v}.
            {S} goes by the name {v}.
            {S} goes by the name of {v}.
            {S} wants to be called {v}.
            {S} prefers to be called {v}.
            {S} has the name {v}.
            {S} is known as {v}.
        """),
        told=forms("""
            My name is {v}.
            My name's {v}.
            ~I'm {v}.
            ~I am {v}.
            I am called {v}.
            I'm called {v}.
            I'm named {v}.
            Call me {v}.
            Please call me {v}.
            Just call me {v}.
            You can call me {v}.
            You may call me {v}.
            People call me {v}.
            My friends call me {v}.
            Everyone calls me {v}.
            I go by {v}.
            I go by the name of {v}.
            My first name is {v}.
            My full name is {v}.
            My real name is {v}.
            The name is {v}.
            I'd like to be called {v}.
            I prefer to be called {v}.
            My parents named me {v}.
            Hi, my name is {v}.
            Hello, my name's {v}.
            ~Hi, I'm {v}.
            ~Hello, I am {v}.
            Hey, you can call me {v}.
            Hello there, my name is {v}.
            My name is {v}, by the way.
            My name is {v}, nice to meet you.
        """),
        asked=forms("""
            What is my name?
            What's my name?
            What was my name?
            What was my name again?
            What's my name again?
            Who am I?
            Who am I again?
            What am I called?
            How am I called?
            What do people call me?
            What do my friends call me?
            What do you call me?
            What should you call me?
            How should you address me?
            What name do I have?
            Which name do I have?
            Which name do I go by?
            What name do I go by?
            By what name do you know me?
            Under which name do you know me?
            What is my first name?
            What's my first name?
            What is my full name?
            What is my real name?
            What's the name I go by?
            Which name did I tell you?
            What did I say my name was?
            What did I say I'm called?
            How did I introduce myself?
            What name did my parents give me?
            Say my name.
            Can you say my name?
            Any idea who I am?
            Any idea what my name is?
            I forgot my name.
            I forgot what I'm called.
            I forgot my name, what is it?
            Remind me what my name is.
            Remind me who I am.
            Do I have a name?
            My name?
            And my first name?
            Who is talking to you?
        """),
        named=forms("""
            my name
            what my name is
            my first name
            what my first name is
            my full name
            who I am
            what I am called
            what I'm called
            how I am called
            what people call me
            what to call me
            which name I go by
            what name I have
            the name I go by
        """),
    ),
    Phrasings(
        id="lives",
        value="city",
        weight=4,
        answer="You live in {v}.",
        answer_third="{n} lives in {v}.",
        stored=forms("""
            {S} lives in {v}.
            {S} lives near {v}.
            {S} lives in {v} now.
            {S} now lives in {v}.
            {S} currently lives in {v}.
            {S} is living in {v}.
            {S} is based in {v}.
            {S} resides in {v}.
            {S} moved to {v}.
            {S} has moved to {v}.
            {S} recently moved to {v}.
            {S} relocated to {v}.
            {S} settled down in {v}.
            {S} has settled in {v}.
            {S} has a home in {v}.
            {S} has a flat in {v}.
            {P} home is in {v}.
            {P} home is {v}.
            {P} new home is in {v}.
            {P} home city is {v}.
            {P} address is in {v}.
            {P} place of residence is {v}.
        """),
        told=forms("""
            I live in {v}.
            I now live in {v}.
            I live in {v} now.
            I currently live in {v}.
            I'm living in {v}.
            I am living in {v}.
            I'm based in {v}.
            I am based in {v} these days.
            I moved to {v}.
            I moved to {v} last week.
            I have moved to {v}.
            I've moved to {v}.
            I've just moved to {v}.
            I just moved to {v}.
            I recently relocated to {v}.
            We live in {v}.
            We live in {v} these days.
            We moved to {v} last year.
            We have settled in {v}.
            I settled down in {v}.
            My home is in {v}.
            My home is {v}.
            My home city is {v}.
            My flat is in {v}.
            Our house is in {v}.
            My address is in {v}.
            My new address is in {v}.
            My place of residence is {v}.
            I reside in {v}.
            I have been living in {v} for years.
            I've lived in {v} for two years.
            The city I live in is {v}.
            The town where I live is {v}.
            I live in {v}, by the way.
            Hi, I live in {v}.
            Hello, I've just moved to {v}.
            I don't live there any more, I moved to {v}.
            Home for me is {v}.
        """),
        asked=forms("""
            Where do I live?
            Where do I live now?
            Where do I live again?
            Where do I currently live?
            Where do I live at the moment?
            Where am I living?
            Where am I living these days?
            Where am I based?
            Where do I reside?
            Where is my home?
            Where's my home?
            Where is my house?
            Where is my flat?
            Where am I at home?
            Where did I move to?
            Where have I moved?
            Where did I settle down?
            Where have I settled?
            Whereabouts do I live?
            What city do I live in?
            Which city do I live in?
            In which city do I live?
            In what city do I live?
            What town do I live in?
            Which town do I live in?
            In what town am I living?
            Which place do I live in?
            What place do I call home?
            Which city do I call home?
            Which city did I move to?
            What is my city?
            What's my home city?
            What is my address?
            What's my current address?
            What is my place of residence?
            What is my current location?
            What's the name of the city I live in?
            What's the name of my town?
            Can you name the city I live in?
            Can you name my town?
            Any idea where I live?
            Any idea where my home is?
            I forgot where I live.
            I forgot which city I live in.
            Remind me where I live.
            Remind me which town I live in.
            Did I say where I live?
            My address?
            My home?
            My city?
        """),
        asked_third=forms("""
            Where does {n} live?
            Where does {n} live now?
            Where does {n} live again?
            Where does {n} currently live?
            Where is {n} living?
            Where is {n} based?
            Where does {n} reside?
            Where is {n}'s home?
            Where's {n}'s home?
            Where is {n}'s house?
            Where did {n} move to?
            Where did {n} settle down?
            Whereabouts does {n} live?
            What city does {n} live in?
            Which city does {n} live in?
            In which city does {n} live?
            What town does {n} live in?
            In which town does {n} live?
            Which place does {n} call home?
            What is {n}'s address?
            What's {n}'s home city?
            What is {n}'s place of residence?
            Can you name the city {n} lives in?
            Any idea where {n} lives?
            I forgot where {n} lives.
            Remind me where {n} lives.
        """),
        named=forms("""
            where I live
            where I live now
            where I am living
            where I'm based
            where my home is
            which city I live in
            what city I live in
            the city I live in
            which town I live in
            my address
            my city
            where I moved to
            my place of residence
        """),
        named_third=forms("""
            where {n} lives
            where {n} lives now
            where {n} is living
            where {n}'s home is
            which city {n} lives in
            the city {n} lives in
            {n}'s address
            where {n} moved to
        """),
    ),
    Phrasings(
        id="work",
        value="company",
        weight=2,
        answer="You work at {v}.",
        answer_third="{n} works at {v}.",
        stored=forms("""
            {S} works at {v}.
            {S} works for {v}.
            {S} works with {v}.
            {S} now works at {v}.
            {S} currently works for {v}.
            {S} is working at {v}.
            {S} is working for {v}.
            {S} is employed by {v}.
            {S} is employed at {v}.
            {S} has a job at {v}.
            {S} has a new job at {v}.
            {S} has a position at {v}.
            {S} got a job at {v}.
            {S} started working at {v}.
            {S} started a new job at {v}.
            {S} joined {v}.
            {S} changed jobs to {v}.
            {P} employer is {v}.
            {P} new employer is {v}.
            {P} company is {v}.
            {P} workplace is {v}.
        """),
        told=forms("""
            I work at {v}.
            I work for {v}.
            I work with {v}.
            I now work at {v}.
            I currently work for {v}.
            I'm working at {v}.
            I am working for {v}.
            I have been working for {v} since spring.
            I'm employed by {v}.
            I am employed at {v}.
            I have a job at {v}.
            I have a new job at {v}.
            I've got a position at {v}.
            I got a job at {v}.
            I landed a job at {v}.
            I found a new job at {v}.
            I started working at {v}.
            I just started at {v}.
            I've started a new job at {v}.
            I joined {v} last month.
            I've joined {v}.
            I switched jobs to {v}.
            I changed jobs and now work at {v}.
            My employer is {v}.
            My new employer is {v}.
            My company is {v}.
            My workplace is {v}.
            The company I work for is {v}.
            I earn my money at {v}.
            I work at {v}, by the way.
            Hi, I work at {v}.
            Good news, I got a job at {v}.
        """),
        asked=forms("""
            Where do I work?
            Where do I work now?
            Where do I work again?
            Where do I currently work?
            Where am I working?
            Where am I working these days?
            Where am I employed?
            Where is my job?
            Where's my job?
            Where is my workplace?
            Where did I get a job?
            Where did I start working?
            Where did I find a new job?
            Where do I earn my money?
            Who do I work for?
            Who do I work for now?
            For whom do I work?
            By whom am I employed?
            Who employs me?
            Who is my employer?
            Who's my employer?
            Who pays my salary?
            What is my employer called?
            What company do I work for?
            Which company do I work for?
            Which company do I work at?
            At which company do I work?
            For what company do I work?
            Which company employs me?
            Which company did I join?
            Which firm do I work for?
            What firm am I with?
            Which business do I work for?
            What is my company?
            What's my workplace?
            What's the name of my employer?
            What is the name of the company I work for?
            Can you name my employer?
            Can you name the company I work for?
            Any idea where I work?
            Any idea who I work for?
            I forgot where I work.
            I forgot which company I work for.
            Remind me where I work.
            Remind me who my employer is.
            Did I say where I work?
            Do I have an employer?
            My employer?
            My workplace?
        """),
        asked_third=forms("""
            Where does {n} work?
            Where does {n} work now?
            Where does {n} work again?
            Where does {n} currently work?
            Where is {n} working?
            Where is {n} employed?
            Where is {n}'s job?
            Where did {n} start working?
            Who does {n} work for?
            Who employs {n}?
            Who is {n}'s employer?
            What company does {n} work for?
            Which company does {n} work for?
            At which company does {n} work?
            Which company did {n} join?
            Which firm does {n} work for?
            What is {n}'s company?
            What's {n}'s workplace?
            What is the name of {n}'s employer?
            Can you name {n}'s employer?
            Any idea where {n} works?
            I forgot where {n} works.
            Remind me where {n} works.
        """),
        named=forms("""
            where I work
            where I work now
            where I am working
            where I'm employed
            who I work for
            which company I work for
            what company I work for
            the company I work for
            my employer
            who my employer is
            my workplace
            who employs me
        """),
        named_third=forms("""
            where {n} works
            where {n} works now
            who {n} works for
            which company {n} works for
            the company {n} works for
            {n}'s employer
            {n}'s workplace
        """),
    ),
    Phrasings(
        id="job",
        value="job",
        weight=2,
        answer="You work as {v}.",
        answer_third="{n} works as {v}.",
        stored=forms("""
            {S} works as {v}.
            {S} now works as {v}.
            {S} is working as {v}.
            {S} is employed as {v}.
            {S} is {v}.
            {S} is now {v}.
            {S} is {v} by profession.
            {S} is {v} by trade.
            {S} became {v}.
            {S} has become {v}.
            {S} has a job as {v}.
            {S} has a new job as {v}.
            {S} earns a living as {v}.
            {S} makes a living as {v}.
            {S} trained as {v}.
            {S} retrained as {v}.
            {P} job is that of {v}.
            {P} job is {v}.
            {P} profession is {v}.
            {P} occupation is {v}.
        """),
        told=forms("""
            I work as {v}.
            I now work as {v}.
            I'm working as {v}.
            I am working as {v}.
            I'm employed as {v}.
            I am {v}.
            I'm {v}.
            I'm {v} now.
            I am {v} by profession.
            I'm {v} by trade.
            I became {v}.
            I've become {v}.
            I have a job as {v}.
            I have a new job as {v}.
            I got a job as {v}.
            I started a job as {v}.
            I earn my living as {v}.
            I make my living as {v}.
            I trained as {v}.
            I retrained as {v}.
            I've been working as {v} for years.
            My job is {v}.
            My profession is {v}.
            My occupation is {v}.
            My job is that of {v}.
            For a living, I work as {v}.
            By day, I'm {v}.
            I work as {v}, by the way.
            Hi, I'm {v}.
            Hello, I work as {v}.
        """),
        asked=forms("""
            What is my job?
            What's my job?
            What's my job again?
            What is my current job?
            What is my job title?
            What is my profession?
            What's my profession?
            What is my occupation?
            What's my occupation?
            What is my trade?
            What is my line of work?
            What's my role at work?
            What is my career?
            What do I do for a living?
            What do I do for work?
            What do I work as?
            What am I working as?
            What do I work as now?
            What am I by profession?
            What am I by trade?
            What did I train as?
            How do I earn my living?
            How do I make a living?
            As what do I work?
            What kind of work do I do?
            What sort of job do I have?
            What kind of job do I have?
            What job do I have?
            Which job do I have?
            What job do I currently do?
            Which profession do I have?
            Which occupation do I have?
            In what profession do I work?
            What's the name of my profession?
            Can you name my job?
            Can you name my profession?
            Any idea what my job is?
            Any idea what I do for a living?
            I forgot what my job is.
            I forgot what I do for a living.
            Remind me what my job is.
            Remind me what I work as.
            Do I have a job?
            Do I have a profession?
            My job?
            My profession?
        """),
        asked_third=forms("""
            What is {n}'s job?
            What's {n}'s job?
            What's {n}'s job again?
            What is {n}'s current job?
            What is {n}'s profession?
            What's {n}'s occupation?
            What is {n}'s line of work?
            What does {n} do for a living?
            What does {n} do for work?
            What does {n} work as?
            What is {n} working as?
            What is {n} by profession?
            How does {n} earn a living?
            How does {n} make a living?
            What kind of work does {n} do?
            What sort of job does {n} have?
            What job does {n} have?
            Which job does {n} have?
            Which profession does {n} have?
            Can you name {n}'s profession?
            Any idea what {n} does for a living?
            I forgot what {n}'s job is.
            Remind me what {n} does for a living.
            Does {n} have a job?
        """),
        named=forms("""
            my job
            what my job is
            my profession
            what my profession is
            my occupation
            what I do for a living
            what I do for work
            what I work as
            how I earn my living
            which job I have
            what kind of work I do
            my line of work
        """),
        named_third=forms("""
            {n}'s job
            what {n}'s job is
            {n}'s profession
            what {n} does for a living
            what {n} works as
            which job {n} has
            what kind of work {n} does
        """),
    ),
    Phrasings(
        id="born",
        value="city",
        weight=1.5,
        answer="You were born in {v}.",
        answer_third="{n} was born in {v}.",
        stored=forms("""
            {S} was born in {v}.
            {S} is from {v}.
            {S} comes from {v}.
            {S} grew up in {v}.
            {S} was born and raised in {v}.
            {S} was born and grew up in {v}.
            {S} was raised in {v}.
            {S} is originally from {v}.
            {S} originally comes from {v}.
            {S} is a native of {v}.
            {S} spent childhood in {v}.
            {S} has roots in {v}.
            {P} place of birth is {v}.
            {P} birthplace is {v}.
            {P} birth place is {v}.
            {P} roots are in {v}.
        """),
        told=forms("""
            I was born in {v}.
            I was born and raised in {v}.
            I was born and grew up in {v}.
            I was raised in {v}.
            I come from {v}.
            I originally come from {v}.
            I am from {v}.
            I'm from {v}.
            I'm originally from {v}.
            I am originally from {v}.
            I grew up in {v}.
            I'm a native of {v}.
            I spent my childhood in {v}.
            I have roots in {v}.
            My place of birth is {v}.
            My birthplace is {v}.
            My roots are in {v}.
            The city I was born in is {v}.
            The place I come from is {v}.
            I came into the world in {v}.
            I'm from {v}, by the way.
            Hi, I'm from {v}.
            Hello, I come from {v}.
        """),
        asked=forms("""
            Where was I born?
            Where was I born again?
            Where was I born and raised?
            Where was I raised?
            Where am I from?
            Where am I from again?
            Where am I originally from?
            Where do I come from?
            Where do I originally come from?
            Where did I grow up?
            Where did I spend my childhood?
            Where are my roots?
            Where did I come into the world?
            Whereabouts was I born?
            Whereabouts am I from?
            In which city was I born?
            In what city was I born?
            Which city was I born in?
            What city was I born in?
            In which town was I born?
            What town was I born in?
            At what place was I born?
            Which city am I from?
            What town do I come from?
            From which city do I come?
            Which city did I grow up in?
            In what town did I grow up?
            What is my place of birth?
            What's my place of birth?
            What is my birthplace?
            What's my birthplace again?
            What's the name of the city I was born in?
            What is the name of my birthplace?
            Can you name my birthplace?
            Can you name the city I was born in?
            Any idea where I was born?
            Any idea where I come from?
            I forgot where I was born.
            I forgot where I'm from.
            Remind me where I was born.
            Remind me where I come from.
            Did I say where I was born?
            My birthplace?
            My place of birth?
        """),
        asked_third=forms("""
            Where was {n} born?
            Where was {n} born again?
            Where was {n} raised?
            Where is {n} from?
            Where is {n} originally from?
            Where does {n} come from?
            Where did {n} grow up?
            Where are {n}'s roots?
            Whereabouts was {n} born?
            In which city was {n} born?
            Which city was {n} born in?
            What town was {n} born in?
            Which city is {n} from?
            What town does {n} come from?
            Which city did {n} grow up in?
            What is {n}'s place of birth?
            What's {n}'s birthplace?
            Can you name {n}'s birthplace?
            Any idea where {n} was born?
            I forgot where {n} was born.
            Remind me where {n} is from.
        """),
        named=forms("""
            where I was born
            where I am from
            where I'm from
            where I come from
            where I grew up
            which city I was born in
            the city I was born in
            which town I come from
            my birthplace
            my place of birth
            where my roots are
        """),
        named_third=forms("""
            where {n} was born
            where {n} is from
            where {n} comes from
            where {n} grew up
            which city {n} was born in
            {n}'s birthplace
            {n}'s place of birth
        """),
    ),
    Phrasings(
        id="birthday",
        value="date",
        weight=1.5,
        answer="Your birthday is on {v}.",
        answer_third="{n}'s birthday is on {v}.",
        stored=forms("""
            {P} birthday is on {v}.
            {P} birthday is {v}.
            {P} birthday falls on {v}.
            {P} date of birth is {v}.
            {P} birth date is {v}.
            {S} was born on {v}.
            {S} has a birthday on {v}.
            {S} celebrates a birthday on {v}.
            {S} has the birthday {v}.
            {S} turns a year older on {v}.
            {S} gets a year older on {v}.
            {S} came into the world on {v}.
        """),
        told=forms("""
            My birthday is on {v}.
            My birthday is {v}.
            My birthday's on {v}.
            My birthday falls on {v}.
            My date of birth is {v}.
            My birth date is {v}.
            I was born on {v}.
            I have my birthday on {v}.
            I've got my birthday on {v}.
            I celebrate my birthday on {v}.
            We celebrate my birthday on {v}.
            It's my birthday on {v}.
            I turn a year older on {v}.
            I'll be a year older on {v}.
            I get birthday presents on {v}.
            The day I was born is {v}.
            The date of my birthday is {v}.
            On {v} it's my birthday.
            My birthday is on {v}, by the way.
            Hi, my birthday is on {v}.
            Don't forget my birthday on {v}.
        """),
        asked=forms("""
            When is my birthday?
            When's my birthday?
            When is my birthday again?
            When was my birthday again?
            When is my next birthday?
            When do I have my birthday?
            When have I got my birthday?
            When do I celebrate my birthday?
            When was I born?
            When exactly was I born?
            When do I turn a year older?
            When do I get a year older?
            When do I get birthday presents?
            What day is my birthday?
            What day was I born?
            Which day is my birthday?
            On which day was I born?
            On what day is my birthday?
            On which date is my birthday?
            On what date was I born?
            What date is my birthday?
            What date was I born on?
            What is my birthday?
            What's my birthday?
            What is my date of birth?
            What's my date of birth?
            What is my birth date?
            What is the date of my birthday?
            Can you name my birthday?
            Can you name the date of my birthday?
            Any idea when my birthday is?
            Any idea when I was born?
            I forgot when my birthday is.
            I forgot my birthday.
            Remind me when my birthday is.
            Remind me when I was born.
            Did I say when my birthday is?
            Do I have a birthday?
            My birthday?
            My date of birth?
        """),
        asked_third=forms("""
            When is {n}'s birthday?
            When's {n}'s birthday?
            When is {n}'s birthday again?
            When is {n}'s next birthday?
            When was {n} born?
            When does {n} have a birthday?
            When does {n} celebrate a birthday?
            When does {n} turn a year older?
            What day is {n}'s birthday?
            Which day is {n}'s birthday?
            On which day was {n} born?
            On what date was {n} born?
            On which date is {n}'s birthday?
            What date is {n}'s birthday?
            What is {n}'s birthday?
            What is {n}'s date of birth?
            What's {n}'s birth date?
            Can you name the date of {n}'s birthday?
            Any idea when {n}'s birthday is?
            I forgot when {n}'s birthday is.
            Remind me when {n} was born.
        """),
        named=forms("""
            when my birthday is
            my birthday
            what day my birthday is
            which day my birthday is on
            when I was born
            on which day I was born
            my date of birth
            my birth date
            the date of my birthday
            the day I was born
            when I celebrate my birthday
        """),
        named_third=forms("""
            when {n}'s birthday is
            {n}'s birthday
            what day {n}'s birthday is
            when {n} was born
            {n}'s date of birth
            the date of {n}'s birthday
            the day {n} was born
        """),
    ),
    Phrasings(
        id="age",
        value="age",
        weight=1.5,
        answer="You are {v} years old.",
        answer_third="{n} is {v} years old.",
        stored=forms("""
            {S} is {v} years old.
            {S} is now {v} years old.
            {S} is {v}.
            {S} is now {v}.
            {S} is {v} years of age.
            {S} is aged {v}.
            {S} turned {v}.
            {S} just turned {v}.
            {S} has turned {v}.
            {S} has just turned {v} years old.
            {S} became {v}.
            {S} has reached the age of {v}.
            {P} age is {v}.
            {P} age is {v} years.
            {P} current age is {v}.
            {P} age is now {v}.
        """),
        told=forms("""
            I am {v} years old.
            I'm {v} years old.
            I am now {v} years old.
            I'm {v}.
            I am {v}.
            I'm {v} now.
            I'm {v} years of age.
            I'm aged {v}.
            I turned {v}.
            I just turned {v}.
            I've just turned {v}.
            I have turned {v} years old.
            I turned {v} last week.
            I became {v} yesterday.
            I've reached the age of {v}.
            My age is {v}.
            My age is {v} years.
            My current age is {v}.
            My age is now {v}.
            Hi, I'm {v} years old.
            Hello, I am {v}.
            I'm already {v} years old.
            I'm only {v}, by the way.
            I am {v} years young.
        """),
        asked=forms("""
            How old am I?
            How old am I now?
            How old am I again?
            How old am I currently?
            How old am I at the moment?
            How old am I exactly?
            How old did I turn?
            How old did I say I am?
            How many years old am I?
            How many years have I lived?
            What is my age?
            What's my age?
            What's my age again?
            What is my current age?
            What is my age in years?
            What age am I?
            What age am I now?
            What age did I turn?
            What age have I reached?
            Which age am I?
            Which age did I turn?
            Which age have I reached?
            At what age am I?
            Of what age am I?
            What number of years am I old?
            Can you name my age?
            Can you say how old I am?
            Any idea how old I am?
            Any idea what my age is?
            I forgot how old I am.
            I forgot my age.
            Remind me how old I am.
            Remind me of my age.
            Did I say how old I am?
            Am I old?
            Am I young or old?
            My age?
            And how old am I?
        """),
        asked_third=forms("""
            How old is {n}?
            How old is {n} now?
            How old is {n} again?
            How old is {n} currently?
            How old did {n} turn?
            How many years old is {n}?
            What is {n}'s age?
            What's {n}'s age?
            What is {n}'s current age?
            What age is {n}?
            What age is {n} now?
            What age did {n} turn?
            Which age did {n} turn?
            What age has {n} reached?
            At what age is {n}?
            Can you say how old {n} is?
            Any idea how old {n} is?
            I forgot how old {n} is.
            Remind me how old {n} is.
            Is {n} young or old?
        """),
        named=forms("""
            how old I am
            how old I am now
            my age
            what my age is
            my current age
            what age I am
            which age I turned
            how many years old I am
            what age I have reached
        """),
        named_third=forms("""
            how old {n} is
            how old {n} is now
            {n}'s age
            what {n}'s age is
            what age {n} is
            which age {n} turned
        """),
    ),
    Phrasings(
        id="children",
        value="count",
        weight=1,
        answer="You have {v} children.",
        answer_third="{n} has {v} children.",
        stored=forms("""
            {S} has {v} children.
            {S} has {v} kids.
            {S} now has {v} children.
            {S} has {v} small children.
            {S} has {v} children at home.
            {S} has got {v} kids.
            {S} is raising {v} children.
            {S} is raising {v} kids.
            {S} is bringing up {v} children.
            {S} is a parent of {v} children.
            {S} is the parent of {v} kids.
            {S} is a proud parent of {v}.
            {S} is a parent with {v} children.
            {P} number of children is {v}.
        """),
        told=forms("""
            I have {v} children.
            I have {v} kids.
            I've got {v} kids.
            I've got {v} children.
            I now have {v} children.
            I have {v} small children.
            I have {v} wonderful kids.
            We have {v} children.
            We've got {v} kids at home.
            I'm raising {v} children.
            I am raising {v} kids.
            We are bringing up {v} children.
            I'm a parent of {v}.
            I am the proud parent of {v} children.
            I'm a mother of {v}.
            I'm the father of {v} children.
            I'm a dad of {v}.
            I'm a mum to {v} kids.
            My partner and I have {v} children.
            The number of my children is {v}.
            I have {v} children, by the way.
            Hi, I have {v} kids.
        """),
        asked=forms("""
            How many children do I have?
            How many children do I have now?
            How many children do I have again?
            How many children do I currently have?
            How many children have I got?
            How many children am I raising?
            How many children am I bringing up?
            How many children are mine?
            How many children did I say I have?
            How many kids do I have?
            How many kids do I have again?
            How many kids have I got?
            How many kids am I raising?
            How many kids live with me?
            How many sons and daughters do I have?
            How many little ones do I have?
            Of how many children am I a parent?
            Do I have children?
            Do I have any children?
            Do I have kids?
            Do I have any kids?
            Do I have any sons or daughters?
            Have I got any children?
            Have I got kids?
            Am I a parent?
            Am I raising any children?
            What is the number of my children?
            What number of kids do I have?
            Can you say how many children I have?
            Any idea how many children I have?
            Any idea how many kids I've got?
            I forgot how many children I have.
            I forgot how many kids I have.
            Remind me how many children I have.
            Remind me how many kids I've got.
            Did I say how many kids I have?
            My number of children?
        """),
        asked_third=forms("""
            How many children does {n} have?
            How many children does {n} have now?
            How many children does {n} have again?
            How many children has {n} got?
            How many children is {n} raising?
            How many kids does {n} have?
            How many kids has {n} got?
            How many kids is {n} raising?
            How many sons and daughters does {n} have?
            Does {n} have children?
            Does {n} have any children?
            Does {n} have kids?
            Does {n} have any kids?
            Has {n} got any children?
            Is {n} a parent?
            What is the number of {n}'s children?
            Any idea how many children {n} has?
            I forgot how many kids {n} has.
            Remind me how many children {n} has.
        """),
        named=forms("""
            how many children I have
            how many kids I have
            how many children I've got
            how many kids I've got
            how many children I am raising
            how many kids I'm raising
            the number of my children
            my number of kids
            whether I have children
            whether I have any kids
        """),
        named_third=forms("""
            how many children {n} has
            how many kids {n} has
            how many children {n} is raising
            the number of {n}'s children
            whether {n} has children
            whether {n} has any kids
        """),
    ),
    Phrasings(
        id="speaks",
        value="language",
        weight=1,
        answer="You speak {v}.",
        answer_third="{n} speaks {v}.",
        stored=forms("""
            {S} speaks {v}.
            {P} first language is {v}.
            {P} native language is {v}.
            {P} mother tongue is {v}.
            {P} native tongue is {v}.
            {S} can speak {v}.
            {S} speaks fluent {v}.
            {S} speaks {v} fluently.
            {S} speaks {v} at home.
            {S} speaks {v} with the family.
            {S} speaks {v} every day.
            {S} is fluent in {v}.
            {S} is a native speaker of {v}.
            {S} grew up speaking {v}.
            {S} talks to friends in {v}.
            {S} understands {v}.
            {S} knows {v} well.
        """),
        told=forms("""
            I speak {v}.
            I can speak {v}.
            I speak fluent {v}.
            I speak {v} fluently.
            I speak {v} at home.
            I speak {v} with my parents.
            I speak {v} every day.
            We speak {v} at home.
            We speak {v} in my family.
            I'm fluent in {v}.
            I am fluent in {v}.
            I'm a native speaker of {v}.
            I grew up speaking {v}.
            I talk to my friends in {v}.
            My native language is {v}.
            My first language is {v}.
            My mother tongue is {v}.
            My native tongue is {v}.
            The language I speak is {v}.
            The language we speak at home is {v}.
            I speak {v}, by the way.
            Hi, I speak {v}.
            Hello, my mother tongue is {v}.
        """),
        asked=forms("""
            What do I speak?
            What do I speak at home?
            What can I speak?
            What language do I speak?
            Which language do I speak?
            Which language do I speak again?
            Which languages do I speak?
            What languages do I speak?
            Which language do I speak at home?
            What language do I speak with my family?
            Which language can I speak?
            What languages can I speak?
            Which language do I currently speak?
            Which language am I fluent in?
            What language am I fluent in?
            In which language am I fluent?
            In what language do I talk at home?
            What am I fluent in?
            What am I a native speaker of?
            What language did I grow up speaking?
            What is my language?
            What is my first language?
            What is my native language?
            What's my native language?
            What is my mother tongue?
            What's my mother tongue?
            Which is my native tongue?
            What's the name of the language I speak?
            Can you name the language I speak?
            Can you name my mother tongue?
            Can you name a language I speak?
            Any idea which language I speak?
            Any idea what I speak at home?
            I forgot which language I speak.
            I forgot what my mother tongue is.
            Remind me which language I speak.
            Remind me what my native language is.
            Do I speak a language?
            Do I speak any languages?
            Did I say which language I speak?
            My mother tongue?
            My native language?
        """),
        asked_third=forms("""
            What does {n} speak?
            What does {n} speak at home?
            What language does {n} speak?
            Which language does {n} speak?
            Which language does {n} speak again?
            Which languages does {n} speak?
            What languages does {n} speak?
            What language can {n} speak?
            Which language does {n} speak at home?
            Which language is {n} fluent in?
            In which language is {n} fluent?
            What is {n} fluent in?
            What language did {n} grow up speaking?
            What is {n}'s first language?
            What is {n}'s native language?
            What's {n}'s mother tongue?
            Can you name the language {n} speaks?
            Any idea which language {n} speaks?
            I forgot which language {n} speaks.
            Remind me which language {n} speaks.
            Does {n} speak any languages?
        """),
        named=forms("""
            which language I speak
            what language I speak
            which languages I speak
            the language I speak
            what I speak at home
            which language I am fluent in
            my mother tongue
            my native language
            my first language
            what my mother tongue is
            what my native language is
        """),
        named_third=forms("""
            which language {n} speaks
            what language {n} speaks
            which languages {n} speaks
            the language {n} speaks
            {n}'s mother tongue
            {n}'s native language
        """),
    ),
)
