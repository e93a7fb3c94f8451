"""The kinds of fact about taste, free time and study in, the phrasings of each out.

Law: a question fits one relation only: "enjoy" asks for the hobby, "like" and "love" for likes, and nothing here asks
for what is liked best, which belongs to the favourites.
"""

from adapters.embedded.corpus.relation import Phrasings, forms

TASTES: tuple[Phrasings, ...] = (
    Phrasings(
        id="allergy",
        value="food",
        weight=2,
        answer="You are allergic to {v}.",
        answer_third="{n} is allergic to {v}.",
        stored=forms("""
            {S} is allergic to {v}.
            {S} cannot eat {v}.
            {S} must avoid {v}.
            {S} is intolerant to {v}.
            {S} has an allergy to {v}.
            {S} has a {v} allergy.
            {S} can't eat {v}.
            {S} is severely allergic to {v}.
            {S} has been allergic to {v} since childhood.
            {S} reacts badly to {v}.
            {S} has an allergic reaction to {v}.
            {S} suffers from an allergy to {v}.
            {S} does not tolerate {v}.
            {S} gets ill from {v}.
            {P} allergy is {v}.
            {S} should not eat {v}.
        """),
        told=forms("""
            I am allergic to {v}.
            I'm allergic to {v}.
            I have an allergy to {v}.
            I have a {v} allergy.
            I've got a {v} allergy.
            I can't eat {v}.
            I cannot eat {v}.
            I must avoid {v}.
            I have to avoid {v}.
            I'm intolerant to {v}.
            I am badly allergic to {v}.
            I react badly to {v}.
            I get ill from {v}.
            I shouldn't eat {v}.
            I can't have {v}.
            I can't tolerate {v}.
            My allergy is to {v}.
            Please note that I'm allergic to {v}.
            By the way, I'm allergic to {v}.
            Before you suggest a recipe, I'm allergic to {v}.
            My doctor says I'm allergic to {v}.
            I found out that I'm allergic to {v}.
            It turns out I have an allergy to {v}.
            I've been allergic to {v} since I was little.
            I suffer from an allergy to {v}.
        """),
        asked=forms("""
            What am I allergic to?
            What was I allergic to?
            What am I allergic to again?
            To what am I allergic?
            Which food am I allergic to?
            Am I allergic to anything?
            Am I allergic to something?
            Do I have any allergies?
            Do I have an allergy?
            Have I got any allergies?
            Have I got an allergy?
            Which allergy do I have?
            What allergies do I have?
            What allergy have I got?
            What is my allergy?
            What's my allergy?
            What are my allergies?
            My allergy?
            Any allergies?
            Are there any allergies I have?
            What can I not eat?
            What can't I eat?
            What should I not eat?
            What shouldn't I eat?
            What must I avoid?
            What do I have to avoid?
            Which food must I avoid?
            Which food should I avoid?
            Is there anything I can't eat?
            Is there any food I must avoid?
            What am I intolerant to?
            What do I react badly to?
            Which food makes me ill?
            What can't I tolerate?
            Remind me what I'm allergic to.
            I forgot what I am allergic to.
            Can you name my allergy?
            Any idea what I'm allergic to?
            What kind of allergy do I have?
            What should a cook leave out for me?
        """),
        asked_third=forms("""
            What is {n} allergic to?
            What's {n} allergic to?
            What was {n} allergic to?
            Is {n} allergic to anything?
            Does {n} have any allergies?
            Does {n} have an allergy?
            Has {n} got any allergies?
            Which allergy does {n} have?
            What allergies does {n} have?
            What is {n}'s allergy?
            What are {n}'s allergies?
            What can {n} not eat?
            What can't {n} eat?
            What should {n} not eat?
            What must {n} avoid?
            Which food must {n} avoid?
            Is there anything {n} can't eat?
            What does {n} react badly to?
            Remind me what {n} is allergic to.
        """),
        named=forms("""
            what I am allergic to
            what I'm allergic to
            which food I am allergic to
            which allergy I have
            what my allergy is
            my allergy
            what I cannot eat
            what I can't eat
            what I must avoid
            which food I should avoid
            if I have any allergies
            what I am intolerant to
        """),
        named_third=forms("""
            what {n} is allergic to
            which allergy {n} has
            {n}'s allergy
            what {n}'s allergy is
            what {n} cannot eat
            what {n} must avoid
        """),
    ),
    Phrasings(
        id="diet",
        value="diet",
        answer="You are {v}.",
        answer_third="{n} is {v}.",
        stored=forms("""
            {S} is {v}.
            {S} eats {v}.
            {S} follows a {v} diet.
            {S} is {v} now.
            {S} is now {v}.
            {S} became {v}.
            {S} has become {v}.
            {S} went {v}.
            {S} has been {v} for years.
            {S} is on a {v} diet.
            {S} keeps to a {v} diet.
            {S} switched to a {v} diet.
            {S} only eats {v} food.
            {S} cooks {v} at home.
            {S} eats {v} meals.
            {P} diet is {v}.
        """),
        told=forms("""
            ~I am {v}.
            ~I'm {v}.
            ~I am {v} now.
            ~By the way, I'm {v}.
            I became {v}.
            I've become {v}.
            I went {v} last year.
            I have gone {v}.
            I turned {v}.
            I eat {v}.
            I eat {v} food.
            I only eat {v} food.
            I cook {v} at home.
            I follow a {v} diet.
            I'm on a {v} diet.
            I am following a {v} diet.
            I keep to a {v} diet.
            I switched to a {v} diet.
            We eat {v} at home.
            My diet is {v}.
            My diet is {v} now.
            For meals, please keep in mind that my diet is {v}.
            My doctor put me on a {v} diet.
            I have been {v} for two years.
            I've been on a {v} diet since spring.
        """),
        asked=forms("""
            What is my diet?
            What's my diet?
            What was my diet?
            What is my diet like?
            What is my current diet?
            What is my diet again?
            My diet?
            Which diet do I follow?
            Which diet am I on?
            What diet am I on?
            What diet do I keep to?
            Which diet did I choose?
            What diet am I following?
            What kind of diet do I have?
            What kind of diet do I follow?
            What sort of diet am I on?
            What type of diet do I follow?
            Do I follow a diet?
            Do I follow a special diet?
            Do I have a special diet?
            Do I keep to any diet?
            Am I on a diet?
            Am I vegetarian?
            Am I vegan?
            Am I vegetarian or vegan?
            Am I a vegetarian?
            How do I eat?
            Which eating habits do I have?
            What is the name of my diet?
            How would you describe my diet?
            Can you name my diet?
            Any idea which diet I follow?
            Remind me which diet I follow.
            I forgot which diet I'm on.
            Which diet should a cook respect for me?
            Which way of eating did I choose?
        """),
        asked_third=forms("""
            What is {n}'s diet?
            What's {n}'s diet?
            What was {n}'s diet?
            Which diet does {n} follow?
            Which diet is {n} on?
            What diet does {n} keep to?
            What diet is {n} on?
            What kind of diet does {n} have?
            What sort of diet does {n} follow?
            Does {n} follow a diet?
            Does {n} have a special diet?
            Is {n} on a diet?
            Is {n} vegetarian?
            Is {n} vegan?
            How does {n} eat?
            Remind me which diet {n} follows.
        """),
        named=forms("""
            my diet
            what my diet is
            which diet I follow
            which diet I am on
            which diet I'm on
            what diet I keep to
            what kind of diet I have
            what sort of diet I follow
            how I eat
            if I follow a special diet
        """),
        named_third=forms("""
            {n}'s diet
            what {n}'s diet is
            which diet {n} follows
            which diet {n} is on
            what kind of diet {n} has
            how {n} eats
        """),
    ),
    Phrasings(
        id="hobby",
        value="hobby",
        weight=1.5,
        answer="Your hobby is {v}.",
        answer_third="{n}'s hobby is {v}.",
        stored=forms("""
            {P} hobby is {v}.
            {S} enjoys {v}.
            {S} took up {v}.
            {S} does {v} at the weekend.
            {P} hobby is now {v}.
            {P} new hobby is {v}.
            {P} main hobby is {v}.
            {P} pastime is {v}.
            {S} has taken up {v}.
            {S} has {v} as a hobby.
            {S} does {v} in the evenings.
            {S} does {v} for fun.
            {S} spends a lot of free time on {v}.
            {S} spends the weekends on {v}.
            {S} really enjoys {v}.
            {P} spare time goes into {v}.
        """),
        told=forms("""
            My hobby is {v}.
            My hobby is {v} now.
            My new hobby is {v}.
            My main hobby is {v}.
            My only hobby is {v}.
            My pastime is {v}.
            I enjoy {v}.
            I really enjoy {v}.
            I took up {v}.
            I've taken up {v}.
            I recently took up {v}.
            I have taken up {v} as a hobby.
            I got into {v} last summer.
            I do {v} at the weekend.
            I do {v} in my free time.
            I do {v} for fun.
            I do {v} after work.
            I spend my free time on {v}.
            I spend most of my spare time on {v}.
            I spend my weekends on {v}.
            In my free time I do {v}.
            For fun I do {v}.
            When I have time off, I enjoy {v}.
            To relax, I do {v}.
            Hi, my hobby is {v}.
            I have a new hobby, it's {v}.
        """),
        asked=forms("""
            What is my hobby?
            What's my hobby?
            What was my hobby?
            What is my hobby again?
            What is my new hobby?
            What is my main hobby?
            What are my hobbies?
            My hobby?
            My hobbies?
            Which hobby do I have?
            What hobby do I have?
            What kind of hobby do I have?
            Which hobby have I taken up?
            What hobby did I take up?
            Do I have a hobby?
            Do I have any hobbies?
            Have I got a hobby?
            What is my pastime?
            What's my pastime?
            Which pastime do I have?
            What do I enjoy?
            What do I enjoy doing?
            What activity do I enjoy?
            What do I do in my free time?
            What do I do in my spare time?
            What do I do at the weekend?
            What do I do at weekends?
            What do I do for fun?
            What do I do to relax?
            What do I do after work?
            How do I spend my free time?
            How do I spend my weekends?
            How do I pass the time?
            What do I spend my spare time on?
            Can you name my hobby?
            Any idea what my hobby is?
            Remind me what my hobby is.
            I forgot what my hobby is.
            What do I do when I have time off?
            What is my leisure activity?
        """),
        asked_third=forms("""
            What is {n}'s hobby?
            What's {n}'s hobby?
            What was {n}'s hobby?
            What are {n}'s hobbies?
            Which hobby does {n} have?
            What kind of hobby does {n} have?
            Does {n} have a hobby?
            Does {n} have any hobbies?
            Which hobby has {n} taken up?
            What is {n}'s pastime?
            What does {n} enjoy?
            What does {n} enjoy doing?
            What does {n} do for fun?
            What does {n} do to relax?
            What does {n} do at the weekend?
            What does {n} do in the free time?
            How does {n} spend the weekends?
            Remind me what {n}'s hobby is.
        """),
        named=forms("""
            my hobby
            my hobbies
            what my hobby is
            which hobby I have
            what I enjoy
            what I enjoy doing
            what I do in my free time
            what I do for fun
            what I do at the weekend
            how I spend my spare time
            my pastime
        """),
        named_third=forms("""
            {n}'s hobby
            what {n}'s hobby is
            which hobby {n} has
            what {n} enjoys
            what {n} does for fun
            what {n} does at the weekend
        """),
    ),
    Phrasings(
        id="likes",
        value="like",
        weight=1.5,
        answer="You like {v}.",
        answer_third="{n} likes {v}.",
        stored=forms("""
            {S} likes {v}.
            {S} loves {v}.
            {S} is a fan of {v}.
            {S} is fond of {v}.
            {S} prefers {v}.
            {S} really likes {v}.
            {S} likes {v} a lot.
            {S} likes {v} very much.
            {S} loves {v} a lot.
            {S} adores {v}.
            {S} is a big fan of {v}.
            {S} is keen on {v}.
            {S} is into {v}.
            {S} is crazy about {v}.
            {S} has a liking for {v}.
            {S} cannot get enough of {v}.
            {S} now likes {v}.
        """),
        told=forms("""
            I like {v}.
            I love {v}.
            I adore {v}.
            I prefer {v}.
            I really like {v}.
            I really love {v}.
            I like {v} a lot.
            I like {v} very much.
            I do like {v}.
            I love {v} so much.
            I am fond of {v}.
            I'm very fond of {v}.
            I'm a fan of {v}.
            I am a big fan of {v}.
            I'm a huge fan of {v}.
            I'm keen on {v}.
            I'm into {v}.
            I'm really into {v} at the moment.
            I'm crazy about {v}.
            I can't get enough of {v}.
            I've always liked {v}.
            I have always loved {v}.
            Just so you know, I like {v}.
            Hey, I love {v}.
            I've come to like {v}.
            We love {v}.
        """),
        asked=forms("""
            What do I like?
            What do I love?
            What do I adore?
            What do I prefer?
            What did I like?
            What do I like again?
            What do I like a lot?
            What do I really like?
            What do I really love?
            What do I like so much?
            What do I love so much?
            Which things do I like?
            Which thing do I love?
            What sort of things do I like?
            What kind of thing do I like?
            What am I fond of?
            What am I very fond of?
            What am I a fan of?
            What am I a big fan of?
            Am I a fan of anything?
            What am I into?
            What am I keen on?
            What am I crazy about?
            What can't I get enough of?
            What are my likes?
            What are my preferences?
            What are my tastes?
            What is to my taste?
            My likes?
            Is there anything I like?
            Is there something I love?
            Do I like anything?
            Do I have any preferences?
            Can you name something I like?
            Name a thing that I love.
            Any idea what I like?
            Remind me what I like.
            I forgot what I like.
            What have I always liked?
            What did I say I like?
        """),
        asked_third=forms("""
            What does {n} like?
            What does {n} love?
            What does {n} adore?
            What does {n} prefer?
            What does {n} really like?
            What does {n} like a lot?
            Which things does {n} like?
            What is {n} fond of?
            What is {n} a fan of?
            What is {n} into?
            What is {n} keen on?
            What is {n} crazy about?
            What are {n}'s likes?
            What are {n}'s preferences?
            Is there anything {n} likes?
            Can you name something {n} likes?
            Any idea what {n} likes?
        """),
        named=forms("""
            what I like
            what I love
            what I prefer
            what I really like
            what I like a lot
            what I am fond of
            what I'm fond of
            what I am a fan of
            what I'm into
            what I am keen on
            which things I like
            my likes
            my preferences
        """),
        named_third=forms("""
            what {n} likes
            what {n} loves
            what {n} prefers
            what {n} is fond of
            what {n} is a fan of
            what {n} is into
            which things {n} likes
        """),
    ),
    Phrasings(
        id="dislikes",
        value="like",
        weight=1.5,
        answer="You do not like {v}.",
        answer_third="{n} does not like {v}.",
        stored=forms("""
            {S} does not like {v}.
            {S} doesn't like {v}.
            {S} dislikes {v}.
            {S} hates {v}.
            {S} really hates {v}.
            {S} does not like {v} at all.
            {S} does not care for {v}.
            {S} can't stand {v}.
            {S} cannot stand {v}.
            {S} cannot bear {v}.
            {S} detests {v}.
            {S} is not fond of {v}.
            {S} is not a fan of {v}.
            {S} is not keen on {v}.
            {S} has an aversion to {v}.
            {S} never liked {v}.
        """),
        told=forms("""
            I don't like {v}.
            I do not like {v}.
            I don't really like {v}.
            I don't like {v} at all.
            I really don't like {v}.
            I hate {v}.
            I really hate {v}.
            I dislike {v}.
            I detest {v}.
            I loathe {v}.
            I can't stand {v}.
            I cannot stand {v}.
            I can't bear {v}.
            I don't love {v}.
            I don't care for {v}.
            I don't much care for {v}.
            I'm not fond of {v}.
            I am not a fan of {v}.
            I'm no fan of {v}.
            I'm not a big fan of {v}.
            I'm not keen on {v}.
            I'm not into {v}.
            I never liked {v}.
            I've always hated {v}.
            Sorry, but I don't like {v}.
            To be honest, I hate {v}.
        """),
        asked=forms("""
            What do I not like?
            What don't I like?
            What did I not like?
            What do I not like at all?
            What don't I like again?
            What do I dislike?
            What do I really dislike?
            What do I hate?
            What did I hate?
            What do I hate so much?
            What do I really hate?
            What do I detest?
            What do I loathe?
            Which things do I dislike?
            Which thing do I hate?
            Which things do I not like?
            What sort of things do I dislike?
            What can I not stand?
            What can't I stand?
            What can't I bear?
            What don't I care for?
            What am I not fond of?
            What am I not a fan of?
            What am I not keen on?
            What am I not into?
            What are my dislikes?
            My dislikes?
            Do I dislike anything?
            Do I hate anything?
            Is there anything I don't like?
            Is there something I hate?
            Is there anything I can't stand?
            Can you name something I hate?
            Name a thing that I dislike.
            Any idea what I don't like?
            Remind me what I don't like.
            I forgot what I hate.
            What have I never liked?
            What did I say I hate?
            What do I have an aversion to?
        """),
        asked_third=forms("""
            What does {n} not like?
            What doesn't {n} like?
            What does {n} not like at all?
            What does {n} dislike?
            What does {n} hate?
            What does {n} really hate?
            What does {n} detest?
            Which things does {n} dislike?
            What can {n} not stand?
            What can't {n} stand?
            What is {n} not fond of?
            What is {n} not a fan of?
            What are {n}'s dislikes?
            Does {n} dislike anything?
            Is there anything {n} hates?
            Is there anything {n} doesn't like?
            Any idea what {n} doesn't like?
        """),
        named=forms("""
            what I don't like
            what I do not like
            what I hate
            what I dislike
            what I really hate
            what I can't stand
            what I cannot stand
            what I am not fond of
            what I'm not a fan of
            which things I dislike
            which things I hate
            my dislikes
        """),
        named_third=forms("""
            what {n} does not like
            what {n} doesn't like
            what {n} hates
            what {n} dislikes
            what {n} can't stand
            what {n} is not fond of
        """),
    ),
    Phrasings(
        id="instrument",
        value="instrument",
        answer="You play the {v}.",
        answer_third="{n} plays the {v}.",
        stored=forms("""
            {S} plays the {v}.
            {S} started playing the {v}.
            {S} has taken up the {v}.
            {S} practises the {v}.
            {S} can play the {v}.
            {S} is playing the {v}.
            {S} now plays the {v}.
            {S} plays the {v} in a band.
            {S} plays the {v} in an orchestra.
            {S} took up the {v}.
            {S} practises the {v} every day.
            {S} is learning to play the {v}.
            {S} knows how to play the {v}.
            {S} makes music on the {v}.
            {P} instrument is the {v}.
        """),
        told=forms("""
            I play the {v}.
            I can play the {v}.
            I'm playing the {v} now.
            I play the {v} in a band.
            I play the {v} in an orchestra.
            I play the {v} quite well.
            I've played the {v} since I was ten.
            I have played the {v} for years.
            I started playing the {v}.
            I've started to play the {v}.
            I've taken up the {v}.
            I took up the {v}.
            I practise the {v}.
            I practise the {v} every evening.
            I'm learning to play the {v}.
            I know how to play the {v}.
            I make music on the {v}.
            My instrument is the {v}.
            My musical instrument is the {v}.
            The instrument I play is the {v}.
            Guess what, I play the {v}.
            By the way, I play the {v}.
        """),
        asked=forms("""
            Which instrument do I play?
            What instrument do I play?
            What instrument did I play?
            What instrument do I play again?
            Which instrument do I currently play?
            Which instrument can I play?
            What instrument can I play?
            Which musical instrument do I play?
            What kind of instrument do I play?
            What is my instrument?
            What's my instrument?
            What is my musical instrument?
            My instrument?
            Which instrument is mine?
            What do I play?
            What can I play?
            What do I play in the band?
            Do I play an instrument?
            Do I play any instruments?
            Do I play a musical instrument?
            Can I play an instrument?
            Can I play any instrument?
            Which instrument have I taken up?
            Which instrument did I take up?
            Which instrument did I start playing?
            Which instrument do I practise?
            What instrument am I practising?
            What is the instrument I play?
            What's the name of the instrument I play?
            Can you name my instrument?
            Can you name the instrument I play?
            Any idea which instrument I play?
            Remind me which instrument I play.
            I forgot which instrument I play.
            On which instrument do I make music?
            Which instrument do I know how to play?
        """),
        asked_third=forms("""
            Which instrument does {n} play?
            What instrument does {n} play?
            Which musical instrument does {n} play?
            What kind of instrument does {n} play?
            Which instrument can {n} play?
            What instrument can {n} play?
            What does {n} play?
            What can {n} play?
            Does {n} play an instrument?
            Does {n} play any instruments?
            Can {n} play an instrument?
            What is {n}'s instrument?
            What's {n}'s instrument?
            Which instrument does {n} practise?
            Which instrument has {n} taken up?
            Remind me which instrument {n} plays.
        """),
        named=forms("""
            which instrument I play
            what instrument I play
            which instrument I can play
            which musical instrument I play
            what I play
            what I can play
            what my instrument is
            my instrument
            the instrument I play
            which instrument I practise
        """),
        named_third=forms("""
            which instrument {n} plays
            what instrument {n} plays
            what {n} plays
            {n}'s instrument
            which instrument {n} can play
        """),
    ),
    Phrasings(
        id="learning",
        value="language",
        answer="You are learning {v}.",
        answer_third="{n} is learning {v}.",
        stored=forms("""
            {S} is learning {v}.
            {S} started learning {v}.
            {S} takes {v} lessons.
            {S} wants to learn {v}.
            {S} learns {v}.
            {S} is now learning {v}.
            {S} is trying to learn {v}.
            {S} has begun to learn {v}.
            {S} has started to learn {v}.
            {S} is learning to speak {v}.
            {S} has been learning {v} for a year.
            {S} takes lessons in {v}.
            {S} is taking {v} classes.
            {S} goes to a {v} course.
            {S} is studying the {v} language.
            {S} is picking up some {v}.
        """),
        told=forms("""
            I am learning {v}.
            I'm learning {v}.
            I'm learning {v} at the moment.
            I learn {v}.
            I'm trying to learn {v}.
            I started learning {v}.
            I've started to learn {v}.
            I've begun learning {v}.
            I have been learning {v} for a year.
            I've been learning {v} since spring.
            I want to learn {v}.
            I'd like to learn {v}.
            I'm learning to speak {v}.
            I take {v} lessons.
            I'm taking {v} lessons.
            I take lessons in {v}.
            I'm taking {v} classes in the evening.
            I signed up for a {v} course.
            I'm studying the {v} language.
            I'm picking up some {v}.
            The language I'm learning is {v}.
            We're learning {v} together.
            Good news, I'm learning {v}.
        """),
        asked=forms("""
            Which language am I learning?
            What language am I learning?
            What language am I learning again?
            Which language am I currently learning?
            What language was I learning?
            Which language do I learn?
            What am I learning?
            What was I learning?
            What do I want to learn?
            What am I trying to learn?
            What have I started learning?
            What language do I want to learn?
            Which language would I like to learn?
            Which language did I start learning?
            Which language have I begun to learn?
            Which language am I trying to learn?
            Which language am I picking up?
            Which foreign language am I learning?
            What new language am I learning?
            Am I learning a language?
            Am I learning any language?
            Am I learning a new language?
            Am I taking lessons in any language?
            Which lessons do I take?
            What lessons am I taking?
            Which language lessons do I take?
            Which language course am I taking?
            What language classes do I take?
            In which language do I take lessons?
            What's the name of the language I am learning?
            What is the language I'm learning?
            The language I'm learning?
            Can you name the language I'm learning?
            Any idea which language I'm learning?
            Remind me which language I am learning.
            I forgot which language I'm learning.
        """),
        asked_third=forms("""
            Which language is {n} learning?
            What language is {n} learning?
            Which language is {n} currently learning?
            What is {n} learning?
            What's {n} learning?
            What does {n} want to learn?
            Which language does {n} want to learn?
            Which language does {n} learn?
            Which language did {n} start learning?
            Which foreign language is {n} learning?
            Is {n} learning a language?
            Which lessons does {n} take?
            What lessons is {n} taking?
            Which language course is {n} taking?
            In which language does {n} take lessons?
            Remind me which language {n} is learning.
        """),
        named=forms("""
            which language I am learning
            which language I'm learning
            what language I'm learning
            what I am learning
            what I'm learning
            what I want to learn
            which language I want to learn
            the language I am learning
            which lessons I take
            which language course I'm taking
        """),
        named_third=forms("""
            which language {n} is learning
            what language {n} is learning
            what {n} is learning
            the language {n} is learning
            which lessons {n} takes
        """),
    ),
    Phrasings(
        id="studies",
        value="subject",
        answer="You study {v}.",
        answer_third="{n} studies {v}.",
        stored=forms("""
            {S} studies {v}.
            {S} studied {v}.
            {S} has a degree in {v}.
            {S} is studying {v}.
            {S} now studies {v}.
            {S} is a student of {v}.
            {S} is a {v} student.
            {S} started to study {v}.
            {S} is studying {v} at university.
            {S} is majoring in {v}.
            {S} majors in {v}.
            {S} is doing a degree in {v}.
            {S} attends lectures in {v}.
            {S} switched to studying {v}.
            {P} subject is {v}.
            {P} degree is in {v}.
            {P} major is {v}.
        """),
        told=forms("""
            I study {v}.
            I am studying {v}.
            I'm studying {v}.
            I studied {v}.
            I've studied {v}.
            I'm studying {v} at university.
            I started to study {v}.
            I am a student of {v}.
            I'm a {v} student.
            I have a degree in {v}.
            I'm doing a degree in {v}.
            I'm working towards a degree in {v}.
            I did my master's in {v}.
            I major in {v}.
            I'm majoring in {v}.
            My major is {v}.
            My degree is in {v}.
            My subject is {v}.
            My field of study is {v}.
            My studies are in {v}.
            I switched my studies to {v}.
            I attend lectures in {v}.
            Hello, I study {v}.
            In case it helps, I study {v}.
        """),
        asked=forms("""
            What do I study?
            What do I study again?
            What did I study?
            What am I studying?
            What am I currently studying?
            What was I studying?
            What have I studied?
            Which subject do I study?
            What subject do I study?
            Which subject did I study?
            What subject am I studying?
            Which subject am I a student of?
            What is my subject?
            What's my subject?
            What is my degree in?
            What is my degree?
            What's my degree?
            Which degree do I have?
            In what subject is my degree?
            What am I doing a degree in?
            Do I have a degree?
            What is my major?
            What's my major?
            What do I major in?
            What am I majoring in?
            My major?
            What is my field of study?
            Which field do I study?
            What are my studies in?
            What are my lectures in?
            Which lectures do I attend?
            What am I a student of?
            Can you name the subject I study?
            Any idea what I study?
            Remind me what I study.
            I forgot what I study.
            What's the name of the subject I study?
            Do I study anything?
        """),
        asked_third=forms("""
            What does {n} study?
            What did {n} study?
            What is {n} studying?
            What's {n} studying?
            Which subject does {n} study?
            What subject is {n} studying?
            Which subject did {n} study?
            What is {n}'s subject?
            What is {n}'s major?
            What does {n} major in?
            What is {n}'s degree in?
            Which degree does {n} have?
            What is {n}'s field of study?
            What is {n} a student of?
            Which lectures does {n} attend?
            Remind me what {n} studies.
        """),
        named=forms("""
            what I study
            what I studied
            what I am studying
            what I'm studying
            which subject I study
            my field of study
            what my degree is in
            my degree
            my major
            what my major is
            which lectures I attend
        """),
        named_third=forms("""
            what {n} studies
            what {n} studied
            what {n} is studying
            which subject {n} studies
            {n}'s field of study
            {n}'s major
        """),
    ),
    Phrasings(
        id="university",
        value="university",
        weight=0.7,
        answer="You study at {v}.",
        answer_third="{n} studies at {v}.",
        stored=forms("""
            {S} studies at {v}.
            {S} is studying at {v}.
            {S} now studies at {v}.
            {S} is a student at {v}.
            {S} is enrolled at {v}.
            {S} has enrolled at {v}.
            {S} is doing a degree at {v}.
            {S} goes to university at {v}.
            {S} started studying at {v}.
            {S} attends university at {v}.
            {S} attends lectures at {v}.
            {S} was admitted to {v}.
            {S} transferred to {v} to study.
            {P} university is {v}.
            {P} college is {v}.
        """),
        told=forms("""
            I study at {v}.
            I'm studying at {v}.
            I am studying at {v} now.
            I'm a student at {v}.
            I am a first-year student at {v}.
            I'm enrolled at {v}.
            I have enrolled at {v}.
            I attend university at {v}.
            I attend lectures at {v}.
            I go to university at {v}.
            I'm doing my degree at {v}.
            I'm doing a master's at {v}.
            I started studying at {v}.
            I was admitted to {v}.
            I got a place to study at {v}.
            I've transferred to {v} to study.
            My university is {v}.
            My college is {v}.
            The university I go to is {v}.
            Hi, I'm a student at {v}.
            I've just begun my studies at {v}.
        """),
        asked=forms("""
            Where do I study?
            Where do I study again?
            Where am I studying?
            Where am I currently studying?
            Where did I study?
            Where am I a student?
            Where am I enrolled?
            Where did I enrol?
            At which university do I study?
            At what university am I studying?
            Which university do I go to?
            What university do I go to?
            Which university do I attend?
            Which university am I at?
            Which college do I go to?
            What college do I attend?
            Which university am I enrolled at?
            What is my university?
            What's my university?
            What is my university called?
            What is the name of my university?
            What's the name of the university I go to?
            What is my college?
            What's my college called?
            My university?
            Where do I go to university?
            Where do I go to college?
            Where am I doing my degree?
            Where do I attend lectures?
            Where are my lectures held?
            Do I go to university?
            Am I at any university?
            Am I enrolled at a university?
            Can you name my university?
            Any idea where I study?
            Remind me where I study.
            I forgot where I study.
        """),
        asked_third=forms("""
            Where does {n} study?
            Where is {n} studying?
            Where did {n} study?
            Where is {n} a student?
            Where is {n} enrolled?
            At which university does {n} study?
            Which university does {n} go to?
            Which university does {n} attend?
            Which college does {n} go to?
            What is {n}'s university?
            What's {n}'s university called?
            What is the name of {n}'s university?
            Where does {n} go to university?
            Does {n} go to university?
            Remind me where {n} studies.
        """),
        named=forms("""
            where I study
            where I am studying
            where I'm studying
            where I am enrolled
            my university
            what my university is
            the name of my university
            which university I go to
            which university I attend
            my college
            where I go to university
        """),
        named_third=forms("""
            where {n} studies
            where {n} is studying
            {n}'s university
            which university {n} goes to
            where {n} is enrolled
        """),
    ),
    Phrasings(
        id="drink",
        value="drink",
        answer="You drink {v} in the morning.",
        answer_third="{n} drinks {v} in the morning.",
        stored=forms("""
            {S} drinks {v} in the morning.
            {S} drinks {v} every morning.
            {S} drinks {v} for breakfast.
            {S} starts the day with {v}.
            {S} drinks {v}.
            {S} usually drinks {v}.
            {S} always drinks {v} in the morning.
            {S} drinks {v} at breakfast.
            {S} drinks {v} with breakfast.
            {S} drinks {v} after getting up.
            {S} has a cup of {v} in the morning.
            {S} begins the day with {v}.
            {S} begins every morning with {v}.
            {S} needs {v} to wake up.
            {S} now drinks {v} in the morning.
            {P} morning drink is {v}.
        """),
        told=forms("""
            I drink {v}.
            I usually drink {v}.
            I drink {v} in the morning.
            I always drink {v} in the morning.
            I drink {v} every morning.
            I drink {v} for breakfast.
            I drink {v} with my breakfast.
            I drink {v} when I get up.
            I now drink {v} in the mornings.
            I've started drinking {v} in the morning.
            I switched to {v} for my morning drink.
            I start the day with {v}.
            I start every morning with {v}.
            I begin my day with {v}.
            I always start my day with {v}.
            I have a cup of {v} in the morning.
            I need a cup of {v} to wake up.
            My morning drink is {v}.
            My breakfast drink is {v}.
            My day starts with a glass of {v}.
            In the morning I drink {v}.
            Every morning I drink {v}.
            For breakfast I drink {v}.
            Good morning, I drink {v} at breakfast.
        """),
        asked=forms("""
            What do I drink?
            What do I drink in the morning?
            What do I drink in the mornings?
            What did I drink in the morning?
            What do I drink in the morning again?
            What do I drink every morning?
            What do I drink each morning?
            What do I drink for breakfast?
            What do I drink at breakfast?
            What do I drink with my breakfast?
            What do I drink when I get up?
            What do I drink to wake up?
            What do I drink first thing in the morning?
            What do I usually drink?
            What do I usually drink in the morning?
            What do I always drink?
            What do I normally drink at breakfast?
            What do I start the day with?
            What do I begin my day with?
            With what do I start the morning?
            What does my day start with?
            How do I start my day?
            Which drink do I have in the morning?
            Which drink do I have at breakfast?
            Which drink starts my day?
            What drink do I need to wake up?
            What beverage do I have in the morning?
            Which beverage do I take at breakfast?
            What is my morning drink?
            What's my morning drink?
            What's my morning beverage?
            What is my breakfast drink?
            My morning drink?
            Can you name my morning drink?
            Any idea what I drink in the morning?
            Remind me what I drink in the morning.
            I forgot what I drink at breakfast.
            What's in my cup in the morning?
        """),
        asked_third=forms("""
            What does {n} drink?
            What does {n} drink in the morning?
            What does {n} drink every morning?
            What does {n} drink for breakfast?
            What does {n} drink at breakfast?
            What does {n} usually drink?
            What does {n} always drink?
            What does {n} start the day with?
            What does {n} begin the day with?
            How does {n} start the day?
            Which drink does {n} have in the morning?
            Which beverage does {n} take at breakfast?
            What is {n}'s morning drink?
            What's {n}'s morning drink?
            Remind me what {n} drinks in the morning.
        """),
        named=forms("""
            what I drink
            what I drink in the morning
            what I drink every morning
            what I drink for breakfast
            what I usually drink
            what I start the day with
            which drink I have in the morning
            my morning drink
            what my morning drink is
            how I start my day
        """),
        named_third=forms("""
            what {n} drinks
            what {n} drinks in the morning
            what {n} usually drinks
            what {n} starts the day with
            {n}'s morning drink
        """),
    ),
    Phrasings(
        id="reading",
        value="title",
        weight=0.7,
        answer="You are reading {v}.",
        answer_third="{n} is reading {v}.",
        stored=forms("""
            {S} is reading {v}.
            {S} is now reading {v}.
            {S} is currently reading {v}.
            {S} is reading the book {v}.
            {S} is reading the novel {v}.
            {S} is reading a book called {v}.
            {S} started reading {v}.
            {S} has begun to read {v}.
            {S} has started the book {v}.
            {S} reads {v}.
            {S} is halfway through {v}.
            {S} has been reading {v} for a week.
            {S} is reading {v} at the moment.
            {P} current book is {v}.
            {P} bedtime book is {v}.
        """),
        told=forms("""
            I am reading {v}.
            I'm reading {v}.
            I'm currently reading {v}.
            I'm reading {v} at the moment.
            I'm reading {v} right now.
            I am now reading {v}.
            I'm reading the book {v}.
            I'm reading the novel {v}.
            I'm reading a book called {v}.
            I started reading {v}.
            I've just started reading {v}.
            I have begun to read {v}.
            I've started the book {v}.
            I'm halfway through {v}.
            I'm in the middle of the book {v}.
            I've been reading {v} all week.
            I read {v} before bed.
            My current book is {v}.
            The book I'm reading is {v}.
            The novel on my bedside table is {v}.
            These days I'm reading {v}.
            On the train I'm reading {v}.
            Someone lent me a book, I'm reading {v}.
        """),
        asked=forms("""
            What am I reading?
            What am I reading again?
            What am I reading now?
            What am I reading at the moment?
            What am I currently reading?
            What was I reading?
            What did I start reading?
            What have I been reading?
            What do I read before bed?
            Which book am I reading?
            What book am I reading?
            Which book was I reading?
            Which book am I currently reading?
            Which book did I start?
            Which book have I begun?
            Which book am I halfway through?
            Which book am I in the middle of?
            What book do I read in the evening?
            Which novel am I reading?
            What novel am I reading?
            What's the novel I'm reading?
            What is the book I am reading?
            What is the title of my book?
            What's the title of the book I'm reading?
            What is the name of the book I'm reading?
            What's the book I'm reading called?
            What is my current book?
            What's my current book?
            What is my current read?
            My current book?
            Am I reading anything?
            Am I reading a book?
            Am I reading any novel?
            Can you name the book I'm reading?
            Any idea which book I'm reading?
            Remind me which book I am reading.
            I forgot which book I'm reading.
            Which book is on my bedside table?
        """),
        asked_third=forms("""
            What is {n} reading?
            What's {n} reading?
            What is {n} reading now?
            What is {n} currently reading?
            What was {n} reading?
            Which book is {n} reading?
            What book is {n} reading?
            Which novel is {n} reading?
            Which book did {n} start?
            What is {n}'s current book?
            What is the title of {n}'s book?
            What is the book {n} is reading?
            Is {n} reading a book?
            Is {n} reading anything?
            Remind me which book {n} is reading.
        """),
        named=forms("""
            what I am reading
            what I'm reading
            which book I am reading
            which book I'm reading
            what book I am reading
            which novel I am reading
            the book I am reading
            my current book
            what my current book is
            the title of the book I'm reading
        """),
        named_third=forms("""
            what {n} is reading
            which book {n} is reading
            which novel {n} is reading
            the book {n} is reading
            {n}'s current book
        """),
    ),
)
