//! What a field asks for, independent of how a form words it.

protocol::named_enum! {
    /// The canonical kinds. The names appear in bench figures and manuals.
    pub enum Canonical {
        // Names.
        FirstName = "first_name", MiddleName = "middle_name", LastName = "last_name", FullName = "full_name",
        LegalName = "legal_name", PreferredName = "preferred_name", NameTitle = "name_title", NameSuffix = "name_suffix",
        // Ways to reach the person.
        Email = "email", Phone = "phone", PhoneCountry = "phone_country", PhoneType = "phone_type",
        PhoneExtension = "phone_extension", Address = "address", AddressLine2 = "address_line_2", City = "city",
        State = "state", County = "county", PostalCode = "postal_code", Country = "country", Location = "location",
        // Links.
        Linkedin = "linkedin", Github = "github", Portfolio = "portfolio", OtherLink = "other_link",
        // Work.
        CurrentCompany = "current_company", CurrentTitle = "current_title", Headline = "headline", Summary = "summary",
        YearsExperience = "years_experience", YearsWithSkill = "years_with_skill", JobLocation = "job_location",
        JobDescription = "job_description", JobCurrent = "job_current", JobStart = "job_start", JobEnd = "job_end",
        // Education.
        School = "school", Degree = "degree", HighestDegree = "highest_degree", FieldOfStudy = "field_of_study",
        Gpa = "gpa", EducationStart = "education_start", EducationEnd = "education_end",
        // Lists.
        Skills = "skills", Languages = "languages", LanguageFluency = "language_fluency",
        Certifications = "certifications",
        // Questions about the job.
        WorkAuthorization = "work_authorization", Sponsorship = "sponsorship", UsPerson = "us_person",
        Citizenship = "citizenship", Salary = "salary", CurrentSalary = "current_salary",
        NoticePeriod = "notice_period", StartDate = "start_date", Relocate = "relocate", Onsite = "onsite",
        Travel = "travel", HowHeard = "how_heard", Referral = "referral",
        PreviouslyEmployed = "previously_employed", PreviouslyApplied = "previously_applied", Relatives = "relatives",
        NonCompete = "non_compete", BackgroundCheck = "background_check", DrugTest = "drug_test", Adult = "adult",
        DriverLicense = "driver_license", SecurityClearance = "security_clearance",
        CriminalRecord = "criminal_record", LocatedIn = "located_in", Motivation = "motivation",
        Accommodation = "accommodation", References = "references",
        // Files.
        Resume = "resume", ResumeImport = "resume_import", ResumeText = "resume_text", CoverLetter = "cover_letter",
        OtherFile = "other_file",
        // Self-identification.
        Gender = "gender", Race = "race", Hispanic = "hispanic", Veteran = "veteran", Disability = "disability",
        Pronouns = "pronouns", SexualOrientation = "sexual_orientation", Transgender = "transgender",
        BirthDate = "birth_date", Age = "age", Religion = "religion", MaritalStatus = "marital_status",
        // Consents.
        Attestation = "attestation", Signature = "signature", SignatureDate = "signature_date",
        ConsentPrivacy = "consent_privacy", ConsentMarketing = "consent_marketing",
        // Never filled.
        Password = "password", IdentityNumber = "identity_number", Payment = "payment", Captcha = "captcha",
        Login = "login", SiteChrome = "site_chrome",
        /// A person other than the applicant is asked about.
        OtherPerson = "other_person",
        /// A question that none of the above describes: only the bank can answer it.
        Custom = "custom",
    }
}

impl Canonical {
    /// Questions of law, self-identification and pay: an answer is taken only from the person's own words, and an
    /// option only when it says exactly that.
    #[must_use]
    pub fn is_strict(self) -> bool {
        self.is_self_identification()
            || matches!(
                self,
                Self::WorkAuthorization
                    | Self::Sponsorship
                    | Self::UsPerson
                    | Self::Citizenship
                    | Self::Salary
                    | Self::CurrentSalary
                    | Self::NonCompete
                    | Self::BackgroundCheck
                    | Self::DrugTest
                    | Self::CriminalRecord
                    | Self::SecurityClearance
                    | Self::Adult
            )
    }

    /// Voluntary self-identification (EEO and alike).
    #[must_use]
    pub fn is_self_identification(self) -> bool {
        matches!(
            self,
            Self::Gender
                | Self::Race
                | Self::Hispanic
                | Self::Veteran
                | Self::Disability
                | Self::Pronouns
                | Self::SexualOrientation
                | Self::Transgender
                | Self::Religion
                | Self::MaritalStatus
                | Self::Age
        )
    }

    /// Masked to anyone but the person, never sent to a model.
    #[must_use]
    pub fn is_sensitive(self) -> bool {
        self.is_self_identification()
            || self.is_never_filled()
            || matches!(
                self,
                Self::Salary
                    | Self::CurrentSalary
                    | Self::BirthDate
                    | Self::Citizenship
                    | Self::CriminalRecord
                    | Self::Accommodation
                    | Self::DrugTest
            )
    }

    /// Secrets, identity and card numbers, and controls that are no part of an application.
    #[must_use]
    pub fn is_never_filled(self) -> bool {
        matches!(
            self,
            Self::Password | Self::IdentityNumber | Self::Payment | Self::Captcha | Self::Login | Self::SiteChrome
        )
    }

    /// Answers that differ from job to job: never reused for another without asking.
    #[must_use]
    pub fn is_written_anew(self) -> bool {
        matches!(self, Self::Motivation | Self::Accommodation)
    }
}
